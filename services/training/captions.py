"""Captions: tidied, given the persona's trigger words, and asked what they leave unsaid."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MAX_CAPTION_CHARS = 2000
READ_TOKENS = 75  # what CLIP's text encoder reads of a caption: 77 without its two marks
VAGUE_FROM = 3  # aspects unsaid


@dataclass(frozen=True)
class Aspect:
    """Something that a caption should say, with words that say it."""

    zh: str
    en: str
    said_zh: re.Pattern[str]
    said_en: re.Pattern[str]

    def said(self, caption: str) -> bool:
        """Whether a caption says something of it."""
        return bool(self.said_zh.search(caption) or self.said_en.search(caption.lower()))


def _aspect(zh: str, en: str, said_zh: str, said_en: str) -> Aspect:
    words = r"(?<![a-z])(?:" + said_en + r")(?:s|es|ed|ing)?(?![a-z])"
    return Aspect(zh, en, re.compile(said_zh), re.compile(words))


# fmt: off
ASPECTS = (
    _aspect(
        "发型", "hair", "发(?!光|放|布|型师)|髻|辫|马尾|刘海|光头|盘头",
        "(?:[a-z]*hair(?:ed|style)?)|bun|ponytail|twintail|braid|bang|bob|updo|bald|curl|blonde?|brunette",
    ),
    _aspect(
        "衣着", "clothes", "衣|裙|袍|衫|裤|服|装(?!饰|修)|襦|袄|西装|毛衣|穿",
        "dress(?:e)?|skirt|shirt|blouse|hanfu|qipao|cheongsam|suit|coat|jacket|sweater|cardigan|robe|kimono|uniform|"
        "gown|cloth(?:e)?|clothing|wear|outfit|attire|sleeve|top|pants|jeans|trousers|tangzhuang|vest|scarf",
    ),
    _aspect(
        "姿态或表情", "pose or expression",
        "坐|站|立(?!体)|跪|躺|侧身|侧脸|侧面|正面|正脸|背面|背影|回头|转身|低头|抬|歪头|托腮|手(?!机)|笑|(?<!好)看|望|闭眼|睁|表情|"
        "特写|半身|全身|近景|姿|抱|拿|举|捧",
        "sit|sitt|stand|kneel|lie|lying|look|gaz(?:e)?|smil(?:e)?|laugh|frown|serious|portrait|close[- ]?up|upper[ _]body|"
        "full[ _]body|half[ _]body|half[- ]length|profile|facing|hand|arm|pos(?:e)?|hold|turn|tilt|lean|expression|"
        "from (?:the )?(?:side|behind|above|below)|closed eye|open mouth",
    ),
    _aspect(
        "场景", "setting",
        "背景|布景|场景|室内|室外|户外|房|屋|窗|街|园|墙|桌|书架|厅|海|山|雪|树|林|花丛|湖|桥|宫|廊|亭|直播间|影棚|幕|景",
        "background|backdrop|room|indoor|outdoor|window|street|garden|wall|studio|desk|table|shelf|bookshel(?:f|ve)|"
        "hall|forest|beach|mountain|snow|tree|lake|bridge|palace|corridor|pavilion|curtain|drapes|park|cafe|night sky|"
        "set|scene",
    ),
    _aspect(
        "光线", "light", "光(?!头|滑|盘)|灯|明亮|昏暗|逆光|阴影|夕阳|日落|晨曦|亮",
        "light|lighting|lit|sunlight|sunlit|backlit|backlight|dim|bright|shadow|sunset|sunrise|golden hour|glow|"
        "high key|low key|lamp|overcast|rim light|neon",
    ),
)
# fmt: on


def is_chinese(text: str) -> bool:
    """Whether a text holds a Chinese character."""
    return any("㐀" <= one <= "鿿" for one in text)


def tidy(caption: str) -> str:
    """A caption on one line, in composed characters, without stray commas at its ends."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", caption)).strip(" ,，、;；")


def holds(caption: str, word: str) -> bool:
    """Whether a caption says a trigger word: a Chinese one anywhere, a Latin one as a word of its own."""
    low, want = caption.casefold(), word.casefold()
    if is_chinese(word):
        return want in low
    return re.search(rf"(?<![\w]){re.escape(want)}(?![\w])", low, re.ASCII) is not None


def with_triggers(caption: str, trigger_words: Sequence[str]) -> str:
    """A caption with every trigger word that it lacks put before it; only those when there is no caption."""
    missing = [word.strip() for word in trigger_words if word.strip() and not holds(caption, word.strip())]
    comma = "，" if is_chinese(caption or "".join(missing)) else ", "
    return comma.join([*missing, caption] if caption else missing)


def least_tokens(caption: str) -> int:
    """About how many tokens a caption has at the least: a Chinese character, a word or a mark is one or more."""
    return len(re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]", caption.lower()))


def unsaid(caption: str, trigger_words: Sequence[str] = ()) -> tuple[Aspect, ...]:
    """What a caption says nothing of, its trigger words taken out first: 唐装娘 as a name says nothing of clothes."""
    for word in trigger_words:
        caption = re.sub(re.escape(word), " ", caption, flags=re.IGNORECASE)
    return tuple(one for one in ASPECTS if not one.said(caption))


def vague(caption: str, trigger_words: Sequence[str] = ()) -> tuple[Aspect, ...]:
    """What is missing from a caption that says too little; empty for one that says enough."""
    missing = unsaid(caption, trigger_words)
    return missing if len(missing) >= VAGUE_FROM else ()
