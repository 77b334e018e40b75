"""The cache of finished looks: bounded, the least used go first, never one in use; nothing half-written is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.avatar.looks import builtin_look
from services.vision.cache import KEEP_S, LookCache, look_key
from services.vision.template import Template, read_template


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template(builtin_look("morning"))


def put(cache: LookCache, key: str, template: Template, in_use: frozenset[str] = frozenset()) -> Path:
    return cache.put(key, template, template.layers, measures={"face": 1.0}, about={}, in_use=in_use)


def test_the_least_used_goes_first_and_never_one_in_use(tmp_path: Path, template: Template) -> None:
    clock = Clock()
    one = LookCache(tmp_path / "first", max_bytes=1 << 30, now_s=clock)
    put(one, "a", template)
    size = one.bytes()
    cache = LookCache(tmp_path / "looks", max_bytes=int(2.5 * size), now_s=clock)
    for key in ("a", "b"):
        put(cache, key, template)
        clock.now_s += KEEP_S
    clock.now_s += KEEP_S
    assert cache.find("a") is not None, "a is used again"
    put(cache, "c", template)
    assert cache.find("b") is None and cache.find("a") is not None and cache.find("c") is not None
    clock.now_s += 10 * KEEP_S
    put(cache, "d", template, frozenset({"a"}))
    assert cache.find("a") is not None, "a room uses it"
    assert cache.find("c") is None


def test_a_look_asked_for_lately_stays_though_the_cache_is_full(tmp_path: Path, template: Template) -> None:
    cache = LookCache(tmp_path, max_bytes=1, now_s=Clock())
    for key in ("a", "b", "c"):
        put(cache, key, template)
    assert all(cache.find(key) is not None for key in ("a", "b", "c"))


def test_a_write_that_fails_leaves_nothing(
    tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = LookCache(tmp_path, max_bytes=1 << 30)

    def full(file: Path, sheet: object, **_: object) -> None:
        if file.name == "table.png":
            raise OSError(28, "No space left on device")
        file.write_bytes(b"half")

    monkeypatch.setattr("services.vision.cache._write", full)
    with pytest.raises(OSError, match="No space"):
        put(cache, "a", template)
    assert list(tmp_path.iterdir()) == []
    assert cache.find("a") is None


def test_keys_differ_by_each_part() -> None:
    parts: dict[str, str | int | float] = {"prompt": "红衣", "seed": 1, "strength": 0.5}
    keys = {look_key(parts), look_key(parts | {"seed": 2}), look_key(parts | {"strength": 0.50001})}
    assert len(keys) == 3
    assert look_key(dict(reversed(parts.items()))) == look_key(parts)
