"""A viewer's line as it was meant: names and emoji stripped, spellings and slang brought home."""

from __future__ import annotations

import re
from functools import cache

from livehost.answers.tables import packaged_yaml
from livehost.chinese import folded, pinyin

_AT_NAME = re.compile(r"@[^\s,，。!?！？:：@]{1,24}(?:[\s:：,，]+|$)")
_AT_SIGN = re.compile(r"@(?:主播|小编|客服|老板|店家)?")
_URL = re.compile(r"https?://\S+|www\.\S+")
_PICTURES = re.compile("[\u2190-\u2bff\u3030\ufe0f\u200d\U0001f000-\U0001faff\U000e0020-\U000e007f]+")
_BRACKETED = re.compile(r"\[[\u4e00-\u9fffa-z]{1,6}\]")

# What viewers write in pinyin or with characters that sound the same, and what they mean.
_WORDS = [
    "多少钱",
    "有货",
    "没货",
    "链接",
    "包邮",
    "运费险",
    "优惠券",
    "正品",
    "真人",
    "怎么用",
    "怎么买",
    "怎么拍",
    "几号",
    "保质期",
    "发货",
    "什么时候",
    "哪里",
    "产地",
    "孕妇",
    "哺乳期",
    "敏感肌",
    "油皮",
    "干皮",
    "成分",
    "酒精",
    "香精",
    "顺丰",
    "快递",
    "退货",
    "发票",
    "赠品",
    "库存",
    "补货",
    "规格",
    "效果",
    "微信",
    "加微信",
    "客服",
    "机器人",
    "主播",
    "价格",
    "可以用吗",
    "能用吗",
    "能吃吗",
    "有券吗",
    "便宜",
    "多久",
    "面膜",
    "精华",
    "洁面",
    "防晒",
    "生产日期",
    "备案",
    "优惠",
    "多大",
    "尺码",
    "颜色",
    "几天到",
    "在吗",
    "是正品吗",
    "有吗",
    "到手价",
    "到手",
    "怎么卖",
    "质量",
    "新疆",
    "西藏",
    "好用吗",
    "怎么吃",
    "怎么喝",
    "怎么洗",
]
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
)
_OWN_WORDS = frozenset(("爆油", "曝油", "保有", "补活", "赠拼", "推货"))


@cache
def _by_letters() -> dict[str, str]:
    return {"".join(pinyin(w)): w for w in sorted(_WORDS, key=len)}


@cache
def _by_sound() -> dict[tuple[str, ...], str]:
    return {pinyin(w): w for w in _SOUND_ONLY}


@cache
def _slang() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), meant) for pattern, meant in packaged_yaml("slang.yaml"))


def clean(text: str) -> str:
    """The line folded, without names, links and emoji, with slang and misspellings mended."""
    text = _URL.sub(" ", text)
    text = _PICTURES.sub(" ", folded(text))
    text = _BRACKETED.sub(" ", text)
    text = _AT_SIGN.sub(" ", _AT_NAME.sub(" ", text))
    text = re.sub(r"[a-z]+(?: [a-z]+)+", lambda m: _spaced(m[0]), text)
    text = re.sub(r"[a-z]{4,}", lambda m: _letters(m[0]), text)
    text = _sounds(text)
    for pattern, meant in _slang():
        text = pattern.sub(meant, text)
    return re.sub(r"\s+", " ", text).strip(" ~,，。!！?？…-_:：;；")


def _spaced(run: str) -> str:
    """Syllables with spaces between them as the words that they spell: duoshao qian."""
    joined = run.replace(" ", "")
    words = _letters(joined)
    return run if words == joined else words


def _letters(run: str) -> str:
    """A run of letters as the words that it spells in pinyin; itself when it spells none."""
    words = _by_letters()
    out: list[str] = []
    at = 0
    while at < len(run):
        end = next((e for e in range(len(run), at + 2, -1) if run[at:e] in words), None)
        if end is None:
            if run[at:] in ("ma", "ne", "bu", "a", "ya") and out:
                out.append({"ma": "吗", "bu": "不"}.get(run[at:], ""))
                break
            return run
        out.append(words[run[at:end]])
        at = end
    return "".join(out)


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
                and sum(a == b for a, b in zip(piece, meant, strict=True)) >= size - 1
            ):
                out.append(meant)
                at += size
                break
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def squeezed(text: str) -> str:
    """The cleaned line without any space or mark, repeats of whole words folded."""
    text = re.sub(r"[\W_]+", "", text)
    return re.sub(r"(.{2,}?)\1{1,}", r"\1", text)
