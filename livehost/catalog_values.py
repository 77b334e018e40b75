"""The kinds of values that a catalogue holds: words, money in yuan, instants."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

TZ_CHINA = timezone(timedelta(hours=8), "UTC+8")
LONGEST_TEXT = 2000  # characters of a passage (usage, an answer)
LONGEST_NAME = 100  # characters of a name

# Control characters but tab and line breaks, and what turns or hides writing (bidi marks, zero width).
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def _as_text(value: Any) -> Any:
    """YAML reads 2026-08-01 as a date and 36 as a number; both are words here."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _as_money(value: Any) -> Any:
    """A float of YAML goes through its shortest text, so that 49.9 is 49.9."""
    return str(value) if isinstance(value, float) else value


def _aware(value: datetime | date) -> datetime:
    """An instant without an offset is meant in China's time; a bare date means its last second."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, 23, 59, 59, tzinfo=TZ_CHINA)
    return value if value.tzinfo else value.replace(tzinfo=TZ_CHINA)


def _seen(value: str) -> str:
    found = _UNSEEN.search(value)
    if found is not None:
        code = f"U+{ord(found[0]):04X}"
        raise PydanticCustomError(
            "unseen_character",
            "第{at}个字是看不见的控制字符{code} / character {at} is the unseen control character {code}",
            {"at": found.start() + 1, "code": code},
        )
    return value


Text = Annotated[
    str, BeforeValidator(_as_text), Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_seen)
]
Name = Annotated[
    str, BeforeValidator(_as_text), Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_seen)
]
Money = Annotated[Decimal, BeforeValidator(_as_money), Field(ge=0, max_digits=12, decimal_places=2)]
Instant = Annotated[datetime, BeforeValidator(lambda v: _aware(v) if isinstance(v, date) else v)]
KnownNone = Literal[False]
