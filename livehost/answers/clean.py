"""A viewer's line as it was meant: names and emoji stripped, spellings and slang brought home."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from livehost.answers.tables import packaged_yaml
from livehost.chinese import folded, numeral, pinyin

_AT_NAME = re.compile(r"@[^\s,，。!?！？:：@]{1,24}(?:[\s:：,，]+|$)")
_AT_SIGN = re.compile(r"@(?:主播|小编|客服|老板|店家)?")
_URL = re.compile(r"https?://\S+|www\.\S+")
_PICTURES = re.compile("[\u2190-\u2bff\u3030\ufe0f\u200d\U0001f000-\U0001faff\U000e0020-\U000e007f]+")
_BRACKETED = re.compile(r"\[[\u4e00-\u9fffa-z]{1,6}\]")

_SOUND_ONLY = (
    "链接",
    "运费险",
    "优惠券",
    "保质期",
    "敏感肌",
    "正品",
    "包邮",
    "顺丰",
    "成分",
    "生产日期",
    "多少钱",
    "补货",
    "赠品",
    "发票",
    "退货",
    "证书",
    "质检",
)
_HAVING = re.compile("[^吗么嘛不没啊呀哈呢的？?！!，, ]|的.")  # 包有红色的没 asks of a bag
_OWN_WORDS = frozenset(("爆油", "曝油", "保有", "补活", "赠拼", "推货"))


# Calls for attention before a line, and thanks or haste behind it: they say nothing of what is asked.
_CALLING = re.compile(
    r"^(?:(?:主播|老板|小姐姐|姐姐?|哥|亲|宝子?们?|家人们?|hi|hello|hey|哈喽|嗨|你好|您好|在吗|诶|哎|喂|回答我|看我|请问|问一?下|想问问?下?|我想问问?下?|第.遍问?了?)"
    r"+[\s,，:：!！~]+)+(?=.{2,})|^(?:请问一?下?|我?想问问?一?下?|问一?下)(?=.{2,})"
)
_CLOSING = re.compile(
    r"(?:[\s,，~。.!！?？]+(?:谢谢|急|在线等|求回复?|主播|老板|亲|姐|快说|看到回一下|问了.遍了|回一下|hh+|哈+|233+|嘻+)+|(?<=[\u4e00-\u9fff])hh+)[\s。.!！?？~]*$"
)


@cache
def _by_letters() -> dict[str, str]:
    found = {"".join(pinyin(w)): w for w in sorted(packaged_yaml("letters.yaml")["words"].split(), key=len)}
    return found | {"zenmemai": "怎么买怎么卖"}  # nobody can tell which of them it is


@cache
def _by_sound() -> dict[tuple[str, ...], str]:
    return {pinyin(w): w for w in _SOUND_ONLY}


@cache
def _slang() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), meant) for pattern, meant in packaged_yaml("slang.yaml"))


@lru_cache(maxsize=4096)  # the questions of entries are compared with every line
def clean(text: str) -> str:
    """The line folded, without names, links and emoji, with slang and misspellings mended."""
    text = _URL.sub(" ", text)
    text = _PICTURES.sub(" ", folded(text))
    text = _BRACKETED.sub(" ", text)
    text = _AT_SIGN.sub(" ", _AT_NAME.sub(" ", text))
    text = _CLOSING.sub("", _CALLING.sub("", text.strip()))
    text = re.sub(r"[a-z]+(?: [a-z]+)+", lambda m: _spaced(m[0]), text)
    text = re.sub(r"[a-z]{4,}", lambda m: _letters(m[0]), text)
    text = _HALF.sub(_half, text)
    text = _AND_TENTHS.sub(_in_yuan, _sounds(_mixed(text)))
    for pattern, meant in _slang():
        text = pattern.sub(meant, text)
    return re.sub(r"\s+", " ", text).strip(" ~,，。!！?？…-_:：;；")


_DIGITS = "一二三四五六七八九"
_AND_TENTHS = re.compile(
    rf"(\d+|[{_DIGITS}两十百]+)块(\d|[{_DIGITS}])(?:毛|角)?(?![\d{_DIGITS}十百]|[个件瓶盒支袋套箱斤条双只片]|包(?!邮))"
)


def _in_yuan(match: re.Match[str]) -> str:
    """9块9 and 三十九块九 as 9.9元 and 39.9元."""
    whole, tenth = (numeral(part) for part in match.groups())
    return match[0] if whole is None or tenth is None else f"{whole}.{tenth}元"


def _spaced(run: str) -> str:
    """Syllables with spaces between them as the words that they spell: duoshao qian."""
    joined = run.replace(" ", "")
    words = _letters(joined)
    return run if words == joined else words


@lru_cache(maxsize=512)
def _letters(run: str) -> str:
    """A run of letters as the words that it spells in pinyin, the longest first; itself when it spells none.

    Single syllables count beside a word of two only.
    """
    words, alone = _by_letters(), packaged_yaml("letters.yaml")["alone"]
    best: list[tuple[int, str] | None] = [(0, ""), *([None] * len(run))]  # words of two syllables, the text
    for end in range(1, len(run) + 1):
        for at in range(max(0, end - 16), end):
            before, piece = best[at], run[at:end]
            word = words.get(piece) or alone.get(piece)
            if before is None or word is None:
                continue
            found = (before[0] + len(piece) * (piece in words), before[1] + word)
            kept = best[end]
            if kept is None or found[0] > kept[0]:
                best[end] = found
    spelt = best[-1]
    return spelt[1] if spelt is not None and spelt[0] else run


_HALF = re.compile(r"([\u4e00-\u9fff]{1,3})([a-z]{2,5})(?![a-z])|(?<![a-z])([a-z]{2,5})([\u4e00-\u9fff])")


def _half(match: re.Match[str]) -> str:
    """A word of which part is written in letters: 有huo, 多少qian, fa货."""
    before, last, first, after = match.groups()
    if after is not None:
        word = _by_letters().get(first + "".join(pinyin(after)))
        return word if word is not None and len(word) == 2 and word[1] == after else match[0]
    for size in range(len(before), 0, -1):
        word = _by_letters().get("".join(pinyin(before[-size:])) + last)
        if word is not None and len(word) == size + 1 and word.startswith(before[-size:]):
            return before[:-size] + word
    return match[0]


_MIXED = re.compile("(?=[a-z]*[\u4e00-\u9fff])(?=[\u4e00-\u9fff]*[a-z])[a-z\u4e00-\u9fff]{3,}")
_UNIT = re.compile("[\u4e00-\u9fff]|[a-z]+")


def _mixed(text: str) -> str:
    """Words of the trade of which a part is written in pinyin: 机qi人, 有huo没."""
    return _MIXED.sub(lambda run: _unmixed(run[0]), text)


def _unmixed(run: str) -> str:
    units = _UNIT.findall(run)
    sounds = [unit if unit.isascii() else pinyin(unit)[0] for unit in units]
    for at in range(len(units)):
        for meant in _by_length():
            size = len(meant)
            part = units[at : at + size]
            latin = [unit for unit in part if unit.isascii()]
            if (
                len(part) == size
                and 0 < len(latin) < size
                and tuple(sounds[at : at + size]) == pinyin(meant)
                and all(unit.isascii() or unit == char for unit, char in zip(part, meant, strict=True))
            ):
                return "".join(units[:at]) + meant + _unmixed("".join(units[at + size :]))
    return run


@cache
def _by_length() -> tuple[str, ...]:
    return tuple(sorted(set(_by_letters().values()), key=len, reverse=True))


def _sounds(text: str) -> str:
    """Words of the trade written with characters that only sound the same."""
    syllables = pinyin(text)
    table = _by_sound()
    out: list[str] = []
    at = 0
    while at < len(text):
        for size in (4, 3, 2):
            meant = table.get(syllables[at : at + size])
            piece = text[at : at + size]
            if (
                meant
                and len(piece) == size
                and not piece.isascii()
                and piece not in _OWN_WORDS
                and not (piece == "包有" and _HAVING.match(text, at + size))
                and sum(a == b for a, b in zip(piece, meant, strict=True)) >= size - 1
            ):
                out.append(meant)
                at += size
                break
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


CLAUSE = re.compile(r"[^\s,，。!！?？;；]+")


def clauses(line: str) -> list[str]:
    """The clauses of a cleaned line: what stands between its marks and spaces."""
    return CLAUSE.findall(line)


def squeezed(text: str) -> str:
    """The cleaned line without any space or mark, repeats of whole words folded."""
    text = re.sub(r"[\W_]+", "", text)
    return re.sub(r"(.{2,}?)\1{1,}", r"\1", text)
