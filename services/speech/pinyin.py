"""Spoken text -> units: Chinese syllables with their pinyin, foreign words, kana and pauses."""

from __future__ import annotations

import functools
import logging
import re
import threading
import unicodedata
from collections.abc import Iterator

from services.speech.types import Unit

PAUSES_S = {
    "，": 0.16, ",": 0.16, "、": 0.09, "；": 0.22, ";": 0.22, "：": 0.18, ":": 0.18,
    "。": 0.30, ".": 0.30, "！": 0.28, "!": 0.28, "？": 0.30, "?": 0.30, "…": 0.30, "—": 0.20,
}  # fmt: skip
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff〇]+")
_KANA = re.compile(r"[\u3041-\u30ff]+")
_FOREIGN = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+)*|[0-9]+(?:\.[0-9]+)?")
_PAUSE = re.compile("[" + re.escape("".join(PAUSES_S)) + "]+")
_TOKEN = re.compile("|".join(p.pattern for p in (_CHINESE, _KANA, _FOREIGN, _PAUSE)))
_CAMEL = re.compile(r"[A-Z]?[a-z\u00c0-\u024f'’-]+|[A-Z]+(?![a-z])|[0-9.]+|.")
_SMALL_KANA = set("ゃゅょぁぃぅぇぉゎャュョァィゥェォヮ")
_SYLLABLE = re.compile(r"^[a-zü]+[1-5]$")
_lock = threading.Lock()

# A number is grouped as it is said: 一百|六十九, 一千|二百, 一三八|零零一三|八零零零.
_NUMERAL_RUN = re.compile(r"((?!一点点)[零一二三四五六七八九十百千万亿两点幺]{3,})")
_NUMERAL = re.compile(
    r"零?[一二三四五六七八九两]?[百千万亿]+|零?[一二三四五六七八九]?十[一二三四五六七八九]?"
    r"|点[零一二三四五六七八九]*|[零一二三四五六七八九两幺]+(?![百千万亿十])|."
)
_BY_LENGTH = {4: (2, 2), 5: (2, 3), 7: (3, 4), 8: (4, 4), 10: (3, 3, 4), 11: (3, 4, 4)}
_SHOP_WORDS = """
    家人们 宝子们 姐妹们 直播间 小黄车 到手价 券后价 洁面乳 精华液 防晒乳 氨基酸 数字人 下单 包邮
    起泡网 玻尿酸 烟酰胺 褪黑素 补水
"""
_NOT_PARTICLE = frozenset(
    ("觉得", "懂得", "值得", "获得", "取得", "难得", "所得", "心得", "赢得", "得到", "记得")
)

# What pypinyin's tables read wrongly in a shop's words.
_READINGS = {
    "喜欢": "xi3 huan5",
    "朋友": "peng2 you5",
    "朋友们": "peng2 you5 men5",
    "舒服": "shu1 fu5",
    "东西": "dong1 xi5",
    "时候": "shi2 hou5",
    "明白": "ming2 bai5",
    "漂亮": "piao4 liang5",
    "清楚": "qing1 chu5",
    "衣服": "yi1 fu5",
    "告诉": "gao4 su5",
    "意思": "yi4 si5",
    "认识": "ren4 shi5",
    "地方": "di4 fang5",
    "先生": "xian1 sheng5",
    "关系": "guan1 xi5",
    "看看": "kan4 kan5",
    "谢谢": "xie4 xie5",
    "试试": "shi4 shi5",
    "姐姐": "jie3 jie5",
    "了": "le5",
    "地": "di4",
    "一大": "yi2 da4",
    "膜布": "mo2 bu4",
    "扣一": "kou4 yi1",
    "好冲洗": "hao3 chong1 xi3",
    "着": "zhe5",
    "嗯": "en4",
    "哦": "o4",
    "呣": "mu2",
    "欸": "ei4",
    "不得了": "bu4 de2 liao3",
    "诶": "ei4",
}


def units(spoken: str, language: str = "zh") -> tuple[Unit, ...]:
    """The units of a text that is already written as it is read aloud. Unspoken characters are left out."""
    found: list[Unit] = []
    word = 0
    for match in _TOKEN.finditer(unicodedata.normalize("NFC", spoken)):
        token = match.group()
        if token[0] in PAUSES_S:
            if found and found[-1].kind != "pause":
                longest = max(PAUSES_S[mark] for mark in token)
                found.append(Unit(text=token, kind="pause", sound="", word=word, pause_s=longest))
                word += 1
        elif _KANA.fullmatch(token):
            found.extend(Unit(text=kana, kind="kana", sound=kana, word=word) for kana in morae(token))
            word += 1
        elif _CHINESE.fullmatch(token) and language != "ja":
            for unit_word, syllables in _chinese(token):
                for text, sound in zip(unit_word, syllables, strict=True):
                    if not sound:
                        continue  # a character without a known reading is not spoken
                    found.append(Unit(text=text, kind="syllable", sound=sound, word=word))
                word += 1
        elif not _CHINESE.fullmatch(token):
            for part in _foreign(token, language):
                found.append(Unit(text=part, kind="foreign", sound=part, word=word))
                word += 1
    while found and found[-1].kind == "pause":
        found.pop()
    return tuple(found)


def morae(kana: str) -> list[str]:
    """Kana split into morae: small kana stay with the one before."""
    out: list[str] = []
    for mark in kana:
        if out and mark in _SMALL_KANA:
            out[-1] += mark
        else:
            out.append(mark)
    return out


def _foreign(token: str, language: str) -> Iterator[str]:
    """A foreign word as an engine says it: capitals letter by letter, iPhone as i and Phone."""
    if language == "en" and not token.isupper():
        yield token
        return
    for part in _CAMEL.findall(token):
        if part.isupper() and len(part) <= 5 and part.isalpha():
            yield from part
        elif any(mark.isalnum() for mark in part):
            yield part


def _chinese(run: str) -> Iterator[tuple[str, list[str]]]:
    """Words of a run of Chinese characters with the pinyin of each character, after tone sandhi."""
    for word, sounds in _read_run(run):
        yield word, list(sounds)


@functools.lru_cache(maxsize=4096)
def _read_run(run: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    segmenter, read = _tools()
    words: list[str] = []
    with _lock:  # the segmenter fills its tables on first use
        for piece in _NUMERAL_RUN.split(run):
            words.extend(_numeral_groups(piece) if _NUMERAL_RUN.fullmatch(piece) else segmenter(piece))
    words = [word for word in words if word]
    flat: list[str] = []
    for word in words:
        sounds = read(word)
        if word[-1] == "得" and word not in _NOT_PARTICLE and (len(word) > 1 or flat):
            sounds[-1] = "de5"
        flat.extend(sounds)
    flat = sandhi(run, flat, [len(word) for word in words])
    out = []
    at = 0
    for word in words:
        out.append((word, tuple(flat[at : at + len(word)])))
        at += len(word)
    return tuple(out)


def _numeral_groups(run: str) -> Iterator[str]:
    """A number's groups; digits read one by one go in twos, threes and fours."""
    for group in _NUMERAL.findall(run):
        whole = any(mark in "十百千万亿点" for mark in group)
        at = 0
        for length in (len(group),) if whole else _BY_LENGTH.get(len(group), (3,) * -(-len(group) // 3)):
            yield group[at : at + length]
            at += length


@functools.lru_cache(maxsize=1)
def _tools():  # type: ignore[no-untyped-def]
    """The word splitter and the reader of one word, loaded when first used (they are large)."""
    import jieba
    import pypinyin

    jieba.setLogLevel(logging.ERROR)
    for word in _SHOP_WORDS.split():
        jieba.add_word(word)

    def pinyin_of(text: str) -> list[str]:
        return list(
            pypinyin.lazy_pinyin(
                text, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, v_to_u=False, errors="ignore"
            )
        )

    def read(word: str) -> list[str]:
        sounds = _READINGS[word].split() if word in _READINGS else pinyin_of(word)
        if len(sounds) != len(word):
            sounds = ["".join(pinyin_of(mark)[:1]) for mark in word]
        return [sound if _SYLLABLE.match(sound) else "" for sound in sounds]

    return jieba.cut, read


def sandhi(run: str, sounds: list[str], words: list[int]) -> list[str]:
    """Tone changes of running speech: third tones in a row, 一 and 不 before other tones.

    `words` are the lengths of the words in `run`; third tones change inside a word and, pair by pair,
    from left to right across words.
    """
    starts = set()
    position = 0
    for length in words:
        starts.add(position)
        position += length
    out = ["yi1" if mark == "一" else sound for mark, sound in zip(run, sounds, strict=True)]
    for at in range(len(out) - 1):
        following = out[at + 1][-1:]
        ends_word = at + 1 in starts and at not in starts
        if run[at] == "不" and following == "4":
            out[at] = "bu2"
        elif run[at] == "一" and not ends_word and _is_article(run, at):
            out[at] = "yi2" if following == "4" or run[at + 1] == "个" else "yi4"
    at = 0
    while at < len(out) - 1:
        if out[at][-1:] == "3" and out[at + 1][-1:] == "3":
            end = at
            while end + 1 < len(out) and out[end + 1][-1:] == "3":
                end += 1
            for index in range(at, end):
                alone = index + 1 in starts and index != at and (index + 1 - at) % 2 == 0
                if not alone:
                    out[index] = out[index][:-1] + "2"
            at = end
        at += 1
    return out


_DIGITS = set("零一二三四五六七八九〇十百千万亿点幺两")


def _is_article(run: str, at: int) -> bool:
    """Whether the 一 at `at` is not part of a number, an ordinal or a reduplication's end."""
    before, after = run[at - 1 : at] or " ", run[at + 1]
    counted = before in _DIGITS or before in "第扣周月" or after in "月号日"
    return not counted and after not in _DIGITS - {"千", "百", "万"}
