"""Lines that the review keeps off the air: told once a while in the log, and noted in the journal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from livehost.compliance import Review
from livehost.lines import Draft, Line
from services import wire

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=1)  # until the same words are told of again
_MOST = 500
# Those have a person or a viewer who waits for them, and their own way out.
_ANSWERED_FOR = (wire.PhraseKind.ANSWER, wire.PhraseKind.INSERT)


class LeftOut:
    """Tells of one room's lines that are left out.

    `note` writes an entry of the journal. Words that were told of in the last hour are told of again only
    where something else is wrong with them.
    """

    def __init__(self, note: Callable[[dict[str, Any]], None], *, clock: Callable[[], datetime]) -> None:
        self._note = note
        self._clock = clock
        self._told: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def gate(self, refused: Callable[[Line], Review | None]) -> Callable[[Line], Review | None]:
        """The gate `refused`, with what it keeps off the air told of."""

        def asked(line: Line) -> Review | None:
            found = refused(line)
            if found is not None and line.kind not in _ANSWERED_FOR:
                self.tell(line.draft, found, line.kind.value, line.cast.persona.id)
            return found

        return asked

    def tell(self, draft: Draft, found: Review, where: str, persona: str) -> None:
        """A line of a persona is left out; `where` says which (rundown and segment, or its kind)."""
        text, now = "".join(draft.texts), self._clock()
        why = found.caught(text)
        last = self._told.get((text, why))
        if last is not None and now - last < AGAIN:
            return
        self._told[text, why] = now
        self._told.move_to_end((text, why))
        if len(self._told) > _MOST:
            self._told.popitem(last=False)
        log.error(
            f"这句台词没过审，不播（{where}）：“{text}”——{why}，请改写 / "
            f'a line is left out, the review blocks it ({where}): "{text}"; reword it'
        )
        self._note(
            {
                "type": "left_out", "where": where, "persona": persona, "text": text, "product": draft.product,
                "errors": [hit.shown(text, hit.category) for hit in found.blocking],
            }
        )  # fmt: skip
