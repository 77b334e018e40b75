"""Every secret of a configuration, for what must never write one: the journal, exports."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr


def secret_values(part: BaseModel) -> Iterator[str]:
    """The secrets in a model and the models within it; of an address also the password alone."""
    for name in type(part).model_fields:
        yield from _in(getattr(part, name))


def _in(value: object) -> Iterator[str]:
    match value:
        case BaseModel():
            yield from secret_values(value)
        case SecretStr() if secret := value.get_secret_value():
            yield secret
            if password := _password(secret):
                yield password
        case list() | tuple():
            for one in value:
                yield from _in(one)
        case dict():
            for one in value.values():
                yield from _in(one)


def _password(secret: str) -> str | None:
    try:
        return urlsplit(secret).password
    except ValueError:  # no address
        return None
