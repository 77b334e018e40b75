"""The one exception for "no, not now": what a room or a rule answers to a request it will not do."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request was understood and refused; `problem` says why and `mend` what to do about it.

    `status` is the HTTP status that the API answers with; `details` joins the answer's members.
    """

    def __init__(
        self, problem: str, mend: str, status: int = 409, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.mend = mend
        self.status = status
        self.details = details or {}
