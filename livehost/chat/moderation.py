"""Moderation of what viewers write, before it is shown on the picture.

Everything on the picture counts as said by the room, so a viewer's name and words pass the same rules as
the host's.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from livehost.answers.gate import abuses, diverts, injected
from livehost.chat.inbox import shown_name, shown_text
from livehost.chinese import folded
from livehost.compliance.normalise import compact
from livehost.compliance.review import review

ANYBODY = "观众"  # in place of a name that may not be shown
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


def may_be_named(user: str) -> bool:
    """Whether a viewer's name, masked, may be shown or said at all."""
    return moderated_name(user) != ANYBODY


def moderated_question(text: str) -> str | None:
    """A viewer's question as it may be shown, short and without contacts; None where it may not."""
    if not may_be_shown(text):  # as it was written: cleaning would take the disguise's signs away
        return None
    return shown(shown_text(text))
