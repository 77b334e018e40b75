"""Moderation of what viewers write, before it is shown on the picture or their names are said.

Everything on the picture counts as said by the room, so a viewer's name and words pass the same rules as
the host's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from livehost.answers.gate import abuses, diverts, injected
from livehost.chat.inbox import shown_name, shown_text
from livehost.chinese import folded
from livehost.compliance.normalise import compact
from livehost.compliance.review import review

ANYBODY = "观众"  # in place of a name that may not be shown
_MANY_ASK = {"en": "Several of you ask this. ", "ja": "なんにんかのかたがきいています。"}
_CATEGORIES = ("cosmetics", "food", "health_food", "other")
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Mn", "Me")
# Who a viewer may not pass for.
_OFFICIAL = re.compile(
    r"官方|客服|平台|管理员|系统|抖音|快手|小助手|主播|旗舰店|工作人员|售后|法院|警察|银行|中奖|领奖|admin|system"
)


def shown(text: str, *, limit: int = 40) -> str | None:
    """The text as it may stand on the picture, or None when it may not."""
    visible = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
    visible = re.sub(r"\s+", " ", visible).strip()
    if not visible or not may_be_shown(visible):
        return None
    return visible if len(visible) <= limit else visible[: limit - 1] + "…"


def may_be_shown(text: str) -> bool:
    """Whether a viewer's words break no rule: no abuse, no diversion, no orders, no banned word, disguised or not."""
    line = folded(text)
    squeezed = compact(text).text
    if abuses(line) or abuses(squeezed) or diverts(line, text) or injected(line):
        return False
    hits = (hit for category in _CATEGORIES for hit in review(text, category=category).hits)
    # 还剩几把 is a question: urgency is left out
    return not any(hit.verdict == "block" and hit.category != "urgency" for hit in hits)


@lru_cache(maxsize=8192)  # a millisecond of the loop each
def moderated_name(user: str) -> str:
    """A viewer's name as it may be shown or said: masked, or nobody's where the name itself may not be."""
    if _OFFICIAL.search(compact(user).text) or not may_be_shown(user):
        return ANYBODY
    return shown_name(user)


def moderated_question(text: str) -> str | None:
    """A viewer's question as it may be shown, short and without contacts; None where it may not."""
    if not may_be_shown(text):  # as it was written: cleaning would take the disguise's signs away
        return None
    return shown(shown_text(text))


def named_askers(users: Sequence[str], language: str) -> str:
    """How the host names who asks the same, two at most and none in full; empty for a single asker.

    Spoken, so a hidden part is 某 (小某) in Chinese; elsewhere nobody is named.
    """
    if len(users) < 2:
        return ""
    if language != "zh":
        return _MANY_ASK.get(language, _MANY_ASK["en"])
    names: list[str] = []
    for user in users:  # no further than to the second: each name costs a moderation
        if len(names) < 2 and (name := _spoken_name(user)) and name not in names:
            names.append(name)
    if not names:
        return "好几位朋友都在问，"
    if len(users) == len(names) == 2:
        return f"{names[0]}和{names[1]}都在问，"
    return f"{'、'.join(names)}和几位朋友都在问，"


def _spoken_name(user: str) -> str:
    """The first character of a Chinese name and 某; empty where a name has none, or may not be said."""
    first = shown_name(user)[:1]
    if not "一" <= first <= "鿿" or moderated_name(user) == ANYBODY:
        return ""
    return first + "某"
