"""A configuration as far as it is well-formed: each part is checked, whatever is wrong with others."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from livehost.problems import KeyPath

_Model = TypeVar("_Model", bound=BaseModel)


class Parts:
    """Looks into the data of a configuration by path; what is malformed is passed over."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def raw(self, *at: str | int) -> Any:
        """What stands at a path, or None."""
        value = self._data
        for step in at:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def text(self, *at: str | int) -> str | None:
        """The text at a path, or None."""
        value = self.raw(*at)
        return value if isinstance(value, str) else None

    def count(self, *at: str | int) -> int:
        """How many entries the list at a path has."""
        value = self.raw(*at)
        return len(value) if isinstance(value, list) else 0

    def ids(self, *at: str | int, key: str = "id") -> list[str | None]:
        """The ids in the list at a path, in order; None where an entry has none."""
        return [self.text(*at, index, key) for index in range(self.count(*at))]

    def one(self, model: type[_Model], *at: str | int) -> _Model | None:
        """The part at a path (its defaults where nothing stands), or None where it is malformed."""
        value = self.raw(*at)
        try:
            return model.model_validate({} if value is None else value)
        except ValidationError:
            return None

    def each(self, model: type[_Model], *at: str | int) -> list[tuple[KeyPath, _Model]]:
        """The well-formed entries of the list at a path, each with its own path."""
        places = [(*at, index) for index in range(self.count(*at))]
        return [(place, part) for place in places if (part := self.one(model, *place)) is not None]
