"""A room's sources as an operator writes them, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from livehost.chat.source_settings import MODELS, DouyinPush
from livehost.check import SettingsProblems, read_settings
from livehost.secret_values import secret_values
from livehost.settings import Room
from tests.unit.test_check_settings import plain

TOKEN = "0123456789abcdef-token"


def problems(tmp_path: Path, *rooms: list[Any]) -> list[tuple[str, str, str]]:
    """Key, cause and mend of everything wrong with rooms that have these sources."""
    whole = plain()
    first = whole["rooms"][0]
    whole["rooms"] = [
        {**first, "id": f"room-{number}", "sources": sources} for number, sources in enumerate(rooms)
    ]
    (tmp_path / "catalog.yaml").write_text("products: []\n", encoding="utf-8")
    (tmp_path / "room.yaml").write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    try:
        read_settings(tmp_path / "room.yaml", {}, "zh", review=False)
    except SettingsProblems as found:
        return [(one.key, one.message, one.mend) for one in found.problems if "sources" in one.key]
    return []


GOOD: list[dict[str, Any]] = [
    {"kind": "douyin", "secrets": ["a", "b"], "room_id": 7001, "own_names": ["棠小铺"]},
    {"kind": "kuaishou", "secrets": ["a"], "app_id": "ks1"},
    {"kind": "oba"},
    {"kind": "barrage_grab", "url": "ws://192.0.2.7:8888", "silent_s": 60},
    {"kind": "dycast", "token": TOKEN},
    {"kind": "wxlivespy", "token": TOKEN},
    {"kind": "blive", "app_id": 1, "access_key_id": "k", "access_key_secret": "s", "code": "c"},
]


def test_every_kind_can_be_written(tmp_path: Path) -> None:
    room = Room.model_validate({"id": "a", "sources": GOOD})
    assert [source.kind for source in room.sources] == list(MODELS)
    assert problems(tmp_path, GOOD) == []


def test_secrets_are_known_as_such_and_never_printed() -> None:
    room = Room.model_validate({"id": "a", "sources": GOOD})
    assert [list(secret_values(source)) for source in room.sources] == [
        ["a", "b"], ["a"], [], [], [TOKEN], [TOKEN], ["k", "s", "c"],
    ]  # fmt: skip
    assert TOKEN not in repr(room) and TOKEN not in str(room.model_dump(mode="json"))


def test_a_message_type_has_its_own_secrets_or_the_common_ones() -> None:
    push = DouyinPush.model_validate({"kind": "douyin", "secrets": ["all"], "gift_secrets": ["gift"]})
    assert [one.get_secret_value() for one in push.secrets_of("live_gift")] == ["gift"]
    assert [one.get_secret_value() for one in push.secrets_of("live_comment")] == ["all"]
    assert [one.get_secret_value() for one in push.secrets_of("live_new")] == ["all"]


@pytest.mark.parametrize(
    ("source", "key", "said"),
    [
        ({"kind": "doyin"}, "rooms.room-0.sources.doyin", "是不是 douyin"),
        ({"url": "ws://x"}, "rooms.room-0.sources.0", "kind"),
        ({"kind": "dycast"}, "rooms.room-0.sources.dycast.token", "缺少必填项 token"),
        ({"kind": "dycast", "token": "short"}, "rooms.room-0.sources.dycast.token", "令牌太短"),
        ({"kind": "oba", "urll": "x"}, "rooms.room-0.sources.oba.urll", "是不是 url"),
        ({"kind": "oba", "url": "http://x"}, "rooms.room-0.sources.oba.url", "ws://"),
        ({"kind": "oba", "url": "ws://x:99999"}, "rooms.room-0.sources.oba.url", "ws://"),
        ({"kind": "oba", "silent_s": 1}, "rooms.room-0.sources.oba.silent_s", "不能小于"),
        ({"kind": "douyin"}, "rooms.room-0.sources.douyin.secrets", "没有密钥"),
        ({"kind": "douyin", "gift_secrets": ["a"]}, "rooms.room-0.sources.douyin.secrets", "没有密钥"),
        ({"kind": "kuaishou", "secrets": [""]}, "rooms.room-0.sources.kuaishou.secrets", "密钥是空的"),
        ({"kind": "kuaishou", "secrets": list("abc")}, "rooms.room-0.sources.kuaishou.secrets", "最多"),
        (
            {"kind": "blive", "app_id": 1, "access_key_id": " ", "access_key_secret": "s", "code": "c"},
            "rooms.room-0.sources.blive.access_key_id", "是空的",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_named_at_its_place(
    tmp_path: Path, source: dict[str, Any], key: str, said: str
) -> None:
    (found, *more) = problems(tmp_path, [source])
    assert found[0] == key and said in found[1] + found[2] and not more


def test_two_of_a_kind_and_one_tool_for_two_rooms(tmp_path: Path) -> None:
    two = problems(tmp_path, [{"kind": "oba"}, {"kind": "oba", "url": "ws://127.0.0.1:12355"}])
    assert [said for _, said, _ in two] == ["同一个直播间里有两个 oba 来源"]
    shared = problems(tmp_path, [{"kind": "oba"}], [{"kind": "oba"}])
    assert [(key, "rooms.room-0.sources.oba" in said) for key, said, _ in shared] == [
        ("rooms.room-1.sources.oba.url", True)
    ]


def test_an_unknown_source_is_no_source() -> None:
    with pytest.raises(ValidationError):
        Room.model_validate({"id": "a", "sources": [{"kind": "x"}]})
