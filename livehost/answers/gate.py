"""What is not a question about goods: noise, abuse, diversion, injection, chat, and "are you real?".

The words are in `gate.yaml`.
"""

from __future__ import annotations

import re
from functools import cache

from livehost.answers.clean import clauses
from livehost.answers.tables import packaged_yaml
from livehost.chinese import pinyin, simplified


@cache
def _words(name: str) -> re.Pattern[str]:
    return re.compile(simplified("|".join(packaged_yaml("gate.yaml")[name])))


@cache
def _noise() -> re.Pattern[str]:
    words = "|".join(packaged_yaml("gate.yaml")["noise"])
    tail = "啊|呀|哦|哈|啦|呢|吧|哟|噢|哇|嘞|喽|咯|呗|吖|的|了|主播|姐姐|宝宝|宝"
    return re.compile(f"(?:(?:{words})(?:{tail})*)+")


def is_noise(cleaned: str) -> bool:
    """Whether a cleaned line says nothing that wants an answer."""
    text = re.sub(r"(.)\1+", r"\1", re.sub(r"[\W_]+", "", cleaned))
    text = re.sub(r"(.{2,}?)\1+", r"\1", text)
    return (len(text) <= 1 and text not in ("价", "券")) or (
        len(text) <= 16 and bool(_noise().fullmatch(text))
    )


def injected(cleaned: str) -> bool:
    """Whether somebody gives the host orders, or words to say; also with marks between the characters."""
    line = _words("not_injection").sub(" ", cleaned)
    orders = _words("injection")
    return bool(orders.search(line) or orders.search(re.sub(r"[\W_]+", "", line)))


# 加微信, 留卫星 by sound alone: add, give or leave, up to two syllables, then wei xin; and what it is not.
_SPELT = re.compile("(?:^| )(?:jia|liu|gei|fa|huan)(?: [a-z]+){0,2} wei xin(?: |$)")
_OWN_SOUND = re.compile("[为围维唯][新心欣]|威信力|微信(?:支付|付款)|为什么")


def _heard(cleaned: str) -> str:
    return " ".join(pinyin(_OWN_SOUND.sub(" ", cleaned.replace(" ", ""))))


def diverts(cleaned: str, raw: str) -> bool:
    """Whether somebody asks to leave the platform, also with spaces and emoji in the words."""
    return bool(_words("diversion").search(_unspaced(cleaned, raw))) or bool(_SPELT.search(_heard(cleaned)))


def abuses(cleaned: str) -> bool:
    """Whether somebody insults."""
    return bool(_words("abuse").search(cleaned))


def asks_ai(cleaned: str) -> bool:
    """Whether somebody asks if the host is real."""
    return bool(_words("ai").search(_words("ai_goods").sub(" ", cleaned)))


def off_topic(cleaned: str) -> bool:
    """Whether the line is about other things than goods."""
    return bool(_words("off_topic").search(cleaned))


def far_off(cleaned: str) -> bool:
    """Whether the line is about what no shop sells: lotteries, shares, sums, politics."""
    return bool(_words("far_off").search(cleaned))


def in_crisis(cleaned: str) -> bool:
    """Whether somebody speaks of ending their life."""
    return bool(_words("crisis").search(cleaned))


def to_others(cleaned: str) -> bool:
    """Whether viewers speak to each other."""
    return bool(_words("to_others").search(cleaned))


def is_remark(cleaned: str) -> bool:
    """Whether a line holds a remark of everyday chat; what else is in it may still ask."""
    return bool(_words("remark").search(cleaned))


def is_chat(cleaned: str) -> bool:
    """Whether a question is about the host or about life."""
    return bool(_words("chat").search(cleaned))


def is_question(cleaned: str) -> bool:
    """Whether a cleaned line looks like a question."""
    return bool(_words("question").search(cleaned))


def without_ai(cleaned: str) -> str:
    """The clauses of a line that do not ask about the host."""
    kept = [c for c in clauses(cleaned) if not asks_ai(c)]
    rest = [_words("ai").sub(" ", c) for c in clauses(cleaned) if asks_ai(c)]
    return " ".join(kept + [r for r in rest if len(r.strip()) > 3])


def _unspaced(cleaned: str, raw: str) -> str:
    """The line without spaces, and with the emoji that stand for part of a word."""
    hearts = re.sub(r"[❤♥💗💖💕💚💙💜🧡💛🤍🖤]\ufe0f?", "❤", raw.lower())
    hinted = re.sub(r"🐧", "企鹅号", re.sub(r"([薇微威v维])❤", r"\1信", hearts))
    return cleaned.replace(" ", "") + " " + cleaned + (" " + hinted if hinted != raw.lower() else "")
