"""Which viewers' questions the book answers by now: they need no person any more. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from livehost.answers.clean import clean
from livehost.answers.faq_book import scope_parts
from livehost.store.protocol import FaqEntry, Question

_LONGEST = 60


def as_asked(text: str) -> str:
    """A viewer's question as an entry keeps it."""
    return clean(text)[:_LONGEST].strip()


class Kept:
    """The questions that stand word for word in entries which were saved after they were asked.

    What is asked after that is answered by the entry itself; where it was not, it waits for a person
    as every other does.
    """

    def __init__(self, entries: Iterable[FaqEntry] = ()) -> None:
        self._saved: dict[str, list[tuple[str, datetime]]] = {}
        for one in entries:
            saved = _instant(one.values.get("at"))
            if saved is None or one.values.get("enabled") is False:
                continue
            for words in one.values.get("questions") or ():
                self._saved.setdefault(words, []).append((str(one.values.get("scope") or ""), saved))

    def holds(self, question: Question) -> bool:
        """Whether an entry was made of it, or of another question in the same words."""
        product = question.detail.get("product")
        for scope, saved in self._saved.get(as_asked(question.text), ()):
            kind, name = scope_parts(scope)
            fits = kind != "product" or product in (None, "", name)
            if fits and question.at.replace(microsecond=0) <= saved:
                return True
        return False


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
