"""What is wrong with a catalogue: where, what, and the mend."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what to do about it."""

    file: str
    field: str
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}; {self.mend}"


class CatalogProblems(ValueError):
    """Everything that is wrong with a catalogue."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


_MENDS = {
    "missing": "add it",
    "extra_forbidden": "remove it, or spell it as the format does",
    "literal_error": "use one of the values that it names",
    "decimal_parsing": 'write money as a decimal string in yuan, like "59.00"',
    "decimal_type": 'write money as a decimal string in yuan, like "59.00"',
    "decimal_max_places": "round it to two places",
    "compare_price": "raise it, or write list_price: false",
    "coupon_amount": "lower it, or raise the threshold",
    "string_too_long": "shorten it",
    "unseen_character": "delete that character",
    "datetime_from_date_parsing": "write an instant like 2026-12-31T23:59:59+08:00",
}


def problems_of(error: ValidationError, file: str, where: str) -> list[Problem]:
    """The problems of one model, named by file and field."""
    seen: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in item["loc"]]
        name = where + ".".join(p for p in path if not p.startswith(("function-", "literal[")))
        mend = _MENDS.get(item["type"], "write it as the catalogue's format says")
        seen.setdefault(name, Problem(file, name, item["msg"], mend))
    return list(seen.values())
