"""What every store promises: one suite over SQLite and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from livehost.check import read_settings
from livehost.settings import AdapterVersions, Output, Override, Slot
from livehost.store import open_store, records
from livehost.store.protocol import (
    TRANSITIONS,
    AlreadyThere,
    ChatMessage,
    InboxLimits,
    Life,
    NotStored,
    Question,
    QuestionState,
    SchemaTooNew,
    Session,
    Store,
    StoreUnavailable,
    TransitionRefused,
    VersionConflict,
)
from livehost.store.redis import RedisStore, open_redis
from livehost.store.sqlite import SqliteStore, open_sqlite
from tests.conftest import free_port
from tests.redis_server import redis_installed, redis_server

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
MANY = 100_000
LIMITS = {
    "small": InboxLimits(room=3, user=MANY),
    "demo": InboxLimits(room=MANY, user=MANY),
    "fair": InboxLimits(room=MANY, user=2),
}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One redis-server for the module; each test takes a database of its own."""
    if not redis_installed():
        pytest.skip("no redis-server is installed")
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["sqlite", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    if request.param == "sqlite":
        async with open_sqlite(tmp_path / "s.sqlite", LIMITS) as sqlite:
            yield sqlite
        return
    async with open_redis(request.getfixturevalue("redis_url"), LIMITS) as redis:
        await redis._client.flushdb()
        await redis.check_schema()
        yield redis


def slot(name: str = "morning", persona: str | None = "tang") -> Slot:
    return Slot(
        id=name,
        persona=persona,
        first=date(2026, 1, 1),
        at=time(6),
        duration=timedelta(hours=6),
        rrule="FREQ=DAILY",
        exdate=(date(2026, 10, 1),),
    )


def message(name: str, text: str = "多少钱", at: datetime = NOW, user: str = "观众甲") -> ChatMessage:
    return ChatMessage(id=name, user=user, text=text, at=at)


async def take(store: Store, room: str, limit: int) -> list[Question]:
    """Claim the oldest that wait."""
    return await store.claim(room, [one.id for one in await store.waiting(room, limit)])


async def test_slots_keep_order_and_content(store: Store) -> None:
    assert await store.slots("demo") == []
    added = [await store.add_slot("demo", slot(name)) for name in ("b", "a", "c")]
    assert [one.version for one in added] == [1, 1, 1]
    assert [one.slot for one in await store.slots("demo")] == [slot("b"), slot("a"), slot("c")]
    assert await store.slots("other") == []


async def test_a_slot_id_is_taken_once(store: Store) -> None:
    await store.add_slot("demo", slot())
    with pytest.raises(AlreadyThere):
        await store.add_slot("demo", slot(persona="somebody-else"))
    assert (await store.slots("demo"))[0].slot.persona == "tang"


async def test_an_edit_names_the_version_that_it_read(store: Store) -> None:
    await store.add_slot("demo", slot())
    second = await store.put_slot("demo", slot(persona=None), if_version=1)
    assert second.version == 2
    with pytest.raises(VersionConflict) as conflict:
        await store.put_slot("demo", slot(persona="late"), if_version=1)
    assert (conflict.value.wanted, conflict.value.current) == (1, 2)
    assert (await store.slots("demo"))[0].slot.persona is None
    assert (await store.put_slot("demo", slot())).version == 3
    with pytest.raises(NotStored):
        await store.put_slot("demo", slot("unknown"), if_version=1)
    assert (await store.put_slot("demo", slot("new"))).version == 1


async def test_delete_asks_for_the_version_too(store: Store) -> None:
    await store.add_slot("demo", slot())
    with pytest.raises(VersionConflict):
        await store.delete_slot("demo", "morning", if_version=7)
    await store.delete_slot("demo", "morning", if_version=1)
    with pytest.raises(NotStored):
        await store.delete_slot("demo", "morning")
    assert await store.slots("demo") == []


async def test_concurrent_edits_of_one_version_win_once(store: Store) -> None:
    await store.add_slot("demo", slot())
    results = await asyncio.gather(
        *(store.put_slot("demo", slot(persona=f"p{i}"), if_version=1) for i in range(8)),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert sum(isinstance(result, VersionConflict) for result in results) == 7


async def test_slots_are_seeded_once(store: Store) -> None:
    assert await store.seed_slots("demo", [slot("a"), slot("b")])
    await store.delete_slot("demo", "a")
    assert not await store.seed_slots("demo", [slot("a"), slot("b")])
    assert [one.slot.id for one in await store.slots("demo")] == ["b"]
    assert await store.seed_slots("empty", [])
    assert not await store.seed_slots("empty", [slot()])


async def test_override_comes_and_goes(store: Store) -> None:
    assert await store.override("demo") is None
    put = Override(persona=None, until=NOW + timedelta(hours=1))
    await store.set_override("demo", put)
    assert await store.override("demo") == put
    versions = AdapterVersions(language="2")
    put = Override(persona="tang", adapters=versions, until=NOW + timedelta(hours=1))
    await store.set_override("demo", put)
    kept = await store.override("demo")
    assert kept == put and kept.adapters == versions
    await store.set_override("demo", None)
    assert await store.override("demo") is None


async def test_the_last_session_is_kept(store: Store) -> None:
    assert await store.session("demo") is None
    session = Session(id="s1", room="demo", mode="on_air", life=Life.ON_AIR, opened_at=NOW, epoch=4)
    await store.save_session(session)
    assert await store.session("demo") == session
    ended = Session(
        id="s1",
        room="demo",
        mode="off",
        life=Life.ENDED,
        opened_at=NOW,
        closed_at=NOW + timedelta(1),
        epoch=5,
    )
    await store.save_session(ended)
    assert await store.session("demo") == ended


async def test_epochs_only_grow(store: Store) -> None:
    epochs = await asyncio.gather(*(store.next_epoch("demo") for _ in range(20)))
    assert sorted(epochs) == list(range(1, 21))
    assert await store.next_epoch("other") == 1


async def test_room_state_is_replaced_whole(store: Store) -> None:
    assert await store.room_state("demo") == {}
    await store.save_room_state("demo", {"segment": 3, "mode": "auto", "said": ["你好"]})
    await store.save_room_state("demo", {"segment": 4, "empty": [], "none": None})
    assert await store.room_state("demo") == {"segment": 4, "empty": [], "none": None}


async def test_product_changes_merge_and_count(store: Store) -> None:
    assert await store.product_changes("demo") == {}
    first = await store.change_product("demo", "p1", {"price": "59.00", "gifts": []}, if_version=0)
    second = await store.change_product("demo", "p1", {"stock": 0, "coupon": None}, if_version=1)
    assert (first.version, second.version) == (1, 2)
    assert second.values == {"price": "59.00", "gifts": [], "stock": 0, "coupon": None}
    with pytest.raises(VersionConflict):
        await store.change_product("demo", "p1", {"stock": 9}, if_version=1)
    assert await store.product_changes("demo") == {"p1": second}
    assert await store.product_changes("other") == {}


async def test_concurrent_product_changes_lose_nothing(store: Store) -> None:
    await asyncio.gather(*(store.change_product("demo", "p", {f"f{i}": i}) for i in range(12)))
    change = (await store.product_changes("demo"))["p"]
    assert change.version == 12
    assert change.values == {f"f{i}": i for i in range(12)}


async def test_outputs_keep_their_keys_and_hide_them(store: Store) -> None:
    output = Output(name="douyin", url="rtmp://push.example/live", key=SecretStr("very-secret"))
    stored = await store.put_output("demo", output)
    assert (stored.version, stored.key.get_secret_value()) == (1, "very-secret")
    assert "very-secret" not in repr(await store.outputs("demo"))
    with pytest.raises(VersionConflict):
        await store.put_output("demo", output, if_version=2)
    assert (await store.put_output("demo", output, if_version=1)).version == 2
    await store.delete_output("demo", "douyin", if_version=2)
    assert await store.outputs("demo") == []
    assert await store.seed_outputs("demo", [output])
    assert not await store.seed_outputs("demo", [output])


async def test_a_message_is_stored_once(store: Store) -> None:
    first = await store.accept("demo", [message("m1"), message("m2"), message("m1", "又一遍")])
    again = await store.accept("demo", [message("m2"), message("m3")])
    assert (first.accepted, first.duplicate, first.rejected) == (2, 1, 0)
    assert (again.accepted, again.duplicate, again.rejected) == (1, 1, 0)
    questions = await store.questions("demo")
    assert [(one.id, one.text, one.state) for one in questions] == [
        ("m3", "多少钱", QuestionState.ACCEPTED),
        ("m2", "多少钱", QuestionState.ACCEPTED),
        ("m1", "多少钱", QuestionState.ACCEPTED),
    ]
    assert questions[0].at == NOW and questions[0].user == "观众甲" and questions[0].room == "demo"
    assert (await store.accept("other", [message("m1")])).accepted == 1


async def test_deliveries_at_once_are_each_told_of_theirs(store: Store) -> None:
    sent = [[message(f"m{i}-{j}") for j in range(5)] for i in range(40)]
    results = await asyncio.gather(*(store.accept("demo", one) for one in sent))
    assert [result.stored for result in results] == [tuple(one.id for one in some) for some in sent]
    assert len(await store.waiting("demo", 1000)) == 200


async def test_concurrent_deliveries_of_one_message_store_it_once(store: Store) -> None:
    results = await asyncio.gather(*(store.accept("demo", [message("same")]) for _ in range(10)))
    assert sum(result.accepted for result in results) == 1
    assert sum(result.duplicate for result in results) == 9


async def test_a_full_inbox_says_why(store: Store) -> None:
    result = await store.accept("small", [message(f"m{i}") for i in range(5)])
    assert (result.accepted, result.rejected) == (3, 2)
    assert result.reasons == {"m3": "inbox_full", "m4": "inbox_full"}
    await take(store, "small", 1)
    assert (await store.accept("small", [message("m4"), message("m5")])).accepted == 1


async def test_unusable_messages_are_refused_with_a_reason(store: Store) -> None:
    bad = [message("a", "   "), message("b", "长" * 501), message("x" * 201), message("d")]
    torn = [message("e", "多少\ud83d钱"), message("\udc00")]
    result = await store.accept("demo", [*bad, *torn])
    assert (result.accepted, result.rejected) == (1, 5)
    assert result.reasons == {
        "a": "text_empty", "b": "text_too_long", "x" * 201: "id_unusable", "e": "text_unusable",
        "\udc00": "id_unusable",
    }  # fmt: skip


async def test_what_waits_is_told_oldest_first(store: Store) -> None:
    await store.accept("demo", [message(f"m{i:02}") for i in range(5)])
    await store.claim("demo", ["m01"])
    assert [one.id for one in await store.waiting("demo", 3)] == ["m00", "m02", "m03"]
    assert len(await store.waiting("demo", 10)) == 4
    assert await store.waiting("demo", 0) == []
    assert await store.waiting("other", 5) == []


async def test_claims_keep_the_wished_order_and_are_never_shared(store: Store) -> None:
    await store.accept("demo", [message(f"m{i:02}") for i in range(30)])
    assert [one.id for one in await store.claim("demo", ["m07", "m03", "m07", "nobody"])] == ["m07", "m03"]
    wished = [f"m{i:02}" for i in range(30)]
    claims = await asyncio.gather(*(store.claim("demo", wished[i:]) for i in range(8)))
    ids = [one.id for claim in claims for one in claim]
    assert sorted(ids) == [name for name in wished if name not in ("m03", "m07")]
    assert {one.state for claim in claims for one in claim} == {QuestionState.CLAIMED}
    assert await store.claim("demo", wished) == []
    assert await store.claim("demo", []) == []


async def test_what_is_known_of_who_asked_is_kept(store: Store) -> None:
    asked = ChatMessage(id="m", user="小鹿", text="多少钱", at=NOW, user_id="o1", source="douyin", buyer=True)
    assert (await store.accept("demo", [asked, message("n")])).stored == ("m", "n")
    waits = await store.waiting("demo", 2)
    assert [(one.who, one.user_id, one.source, one.buyer) for one in waits] == [
        ("o1", "o1", "douyin", True),
        ("观众甲", "", "", False),
    ]
    found = await store.question("demo", "m")
    assert found == waits[0]
    assert await store.question("demo", "nobody") is None


async def test_one_viewer_cannot_fill_the_inbox(store: Store) -> None:
    result = await store.accept("fair", [message(f"m{i}") for i in range(4)] + [message("x", user="小鹿")])
    assert (result.accepted, result.rejected) == (3, 2)
    assert result.reasons == {"m2": "user_full", "m3": "user_full"}
    await store.claim("fair", ["m0"])
    assert (await store.accept("fair", [message("m2"), message("m3")])).reasons == {"m3": "user_full"}
    nameless = [message(f"n{i}", user="") for i in range(5)]
    assert (await store.accept("fair", nameless)).accepted == 5


async def test_a_viewers_room_in_the_inbox_comes_back(store: Store) -> None:
    """However a question stops waiting, its place is free again, and taken again when it comes back."""
    old = NOW - timedelta(hours=1)
    await store.accept("fair", [message("a", at=old), message("b")])
    assert [one.id for one in await store.expire("fair", NOW)] == ["a"]
    assert (await store.accept("fair", [message("c"), message("d")])).stored == ("c",)
    await store.settle("fair", "b", QuestionState.IGNORED)
    assert (await store.accept("fair", [message("e"), message("f")])).stored == ("e",)
    await store.claim("fair", ["c", "e"])
    assert (await store.accept("fair", [message("g")])).stored == ("g",)
    await store.settle("fair", "c", QuestionState.ACCEPTED)
    assert (await store.accept("fair", [message("h")])).reasons == {"h": "user_full"}
    await store.requeue_claimed("fair")
    await store.settle("fair", "c", QuestionState.HEARD)
    assert (await store.accept("fair", [message("h")])).reasons == {"h": "user_full"}


async def test_a_muted_viewer_is_not_taken(store: Store) -> None:
    theirs = ChatMessage(id="t1", user="捣乱", text="多少钱", at=NOW, user_id="o9")
    held = ChatMessage(id="t2", user="捣乱", text="还有吗", at=NOW, user_id="o9")
    await store.accept("demo", [theirs, held, message("m")])
    await store.settle("demo", "t2", QuestionState.HELD)
    blocked = await store.mute("demo", "o9", by="duty-a")
    assert {(one.id, one.state, one.note) for one in blocked} == {
        ("t1", QuestionState.BLOCKED, "muted"),
        ("t2", QuestionState.BLOCKED, "muted"),
    }
    again = ChatMessage(id="t3", user="换了名字", text="多少钱", at=NOW, user_id="o9")
    result = await store.accept("demo", [again, message("m2")])
    assert (result.stored, result.reasons) == (("m2",), {"t3": "muted"})
    assert await store.mute("demo", "观众甲", until=records.now() - timedelta(seconds=1)) != []
    assert [(one.who, one.until, one.by) for one in await store.muted("demo")] == [("o9", None, "duty-a")]
    assert (await store.accept("demo", [message("m3")])).accepted == 1
    await store.mute("demo", "观众甲", until=records.now() + timedelta(hours=1))
    assert [one.who for one in await store.muted("demo")] == ["o9", "观众甲"]
    assert (await store.accept("demo", [message("m4")])).reasons == {"m4": "muted"}
    await store.unmute("demo", "o9")
    assert (await store.accept("demo", [again])).accepted == 1
    with pytest.raises(NotStored):
        await store.unmute("demo", "o9")
    assert await store.muted("other") == []


async def test_a_muted_name_is_known_again_however_it_is_written(store: Store) -> None:
    def by(user: str, ident: str, user_id: str = "") -> ChatMessage:
        return ChatMessage(id=ident, user=user, text="多少钱", at=NOW, user_id=user_id)

    ways = ("坏人", "坏人 ", "坏\u200b人", "壞人", " 坏 人", "坏人\u3164", "坏\ufe0f人")
    await store.accept("demo", [by(user, f"w{n}") for n, user in enumerate(ways)] + [by("好人", "other")])
    blocked = await store.mute("demo", "坏人")
    assert {one.id for one in blocked} == {f"w{n}" for n in range(len(ways))}
    later = await store.accept("demo", [by(user, f"l{n}", f"u{n}") for n, user in enumerate(ways)])
    assert set(later.reasons.values()) == {"muted"} and later.accepted == 0
    assert (await store.accept("demo", [by("好人", "o2"), by("", "o3")])).accepted == 2
    await store.unmute("demo", "壞人 ")
    assert (await store.accept("demo", [by("坏人", "again")])).accepted == 1
    await store.mute("demo", "壞人\u200b")
    assert (await store.accept("demo", [by("坏人", "last")])).reasons == {"last": "muted"}


async def test_an_id_counts_within_its_source(store: Store) -> None:
    def told(ident: str, source: str) -> ChatMessage:
        return ChatMessage(id=ident, user="甲", text="多少钱", at=NOW, source=source)

    await store.accept("demo", [told("777", "generic")])
    assert (await store.accept("demo", [told("douyin:777", "douyin")])).stored == ("douyin:777",)
    again = [told("777", "generic"), told("douyin:777", "douyin")]
    assert (await store.accept("demo", again)).duplicate == 2
    assert (await store.accept("demo", [told("kuaishou:777", "kuaishou")])).accepted == 1


async def test_a_held_question_keeps_its_proposal_and_waits_for_a_person(store: Store) -> None:
    await store.accept("demo", [message("m")])
    await store.claim("demo", ["m"])
    detail = {"facts": [{"field": "price", "value": "59.00"}], "hits": ["限时"]}
    held = await store.settle(
        "demo", "m", QuestionState.HELD, "review", answer="现在是五十九元", detail=detail
    )
    assert (held.state, held.answer, held.detail) == (QuestionState.HELD, "现在是五十九元", detail)
    assert await store.requeue_claimed("demo") == 0
    assert await store.expire("demo", NOW + timedelta(hours=1)) == []
    assert await store.claim("demo", ["m"]) == []
    assert await store.questions("demo", state=QuestionState.HELD) == [held]
    assert (await store.settle("demo", "m", QuestionState.CLAIMED)).state is QuestionState.CLAIMED


async def test_those_who_ask_the_same_share_one_fate(store: Store) -> None:
    await store.accept("demo", [message(name) for name in "abcdef"])
    assert await store.claim("demo", ["b", "c"], answered_with="a") == []
    taken = await store.claim("demo", ["a", "b", "c"], answered_with="a")
    assert [(one.id, one.joined) for one in taken] == [("a", ""), ("b", "a"), ("c", "a")]
    sent = await store.settle("demo", "a", QuestionState.SENT)
    assert sent.together == ("b", "c")
    assert [one.joined for one in await store.claim("demo", ["d"], answered_with="a")] == ["a"]
    heard = await store.settle("demo", "a", QuestionState.HEARD, answer="六十八元", trace="q:a#0/1")
    assert heard.together == ("b", "c", "d")
    states = {one.id: (one.state, one.answer) for one in await store.questions("demo")}
    assert states == {name: (QuestionState.HEARD, "六十八元") for name in "abcd"} | {
        name: (QuestionState.ACCEPTED, "") for name in "ef"
    }
    assert await store.claim("demo", ["e"], answered_with="a") == []
    assert (await store.settle("demo", "a", QuestionState.HEARD)).together == ()


async def test_those_who_ask_the_same_are_parted_when_they_wait_again(store: Store) -> None:
    await store.accept("demo", [message(name) for name in "abc"])
    await store.claim("demo", ["a", "b", "c"], answered_with="a")
    await store.settle("demo", "a", QuestionState.ACCEPTED)
    assert [(one.id, one.joined) for one in await store.waiting("demo", 9)] == [(name, "") for name in "abc"]
    await store.claim("demo", ["b", "c"], answered_with="b")
    assert await store.requeue_claimed("demo") == 2
    await store.claim("demo", ["c"])
    assert (await store.settle("demo", "b", QuestionState.IGNORED)).together == ()
    assert (await store.settle("demo", "c", QuestionState.HEARD)).state is QuestionState.HEARD


async def test_muting_one_lets_the_others_of_the_same_question_wait_again(store: Store) -> None:
    await store.accept("demo", [message("a", user="捣乱"), message("b"), message("c")])
    await store.claim("demo", ["a", "b"], answered_with="a")
    assert (await store.settle("demo", "a", QuestionState.HELD)).together == ("b",)
    assert [one.id for one in await store.mute("demo", "捣乱")] == ["a"]
    assert [one.id for one in await store.waiting("demo", 9)] == ["b", "c"]


async def test_muting_takes_what_is_prepared_for_that_viewer_alone(store: Store) -> None:
    users = {"a": "捣乱", "b": "好人", "c": "好人", "d": "捣乱", "e": "捣乱"}
    await store.accept("demo", [message(name, user=user) for name, user in users.items()])
    await store.claim("demo", ["a", "b"], answered_with="a")
    await store.claim("demo", ["c", "d"], answered_with="c")
    await store.claim("demo", ["e"])
    await store.settle("demo", "e", QuestionState.SENT)
    assert {one.id for one in await store.mute("demo", "捣乱")} == {"a", "d"}
    states = {one.id: (one.state.value, one.joined) for one in await store.questions("demo")}
    assert states["b"] == ("accepted", "") and states["c"] == ("claimed", "") and states["e"] == ("sent", "")
    assert (await store.settle("demo", "c", QuestionState.HEARD)).together == ()
    assert {one.id for one in await store.claim("demo", ["a", "b", "d"])} == {"b"}


async def test_a_late_answer_of_a_person_counts_for_all_who_asked_it(store: Store) -> None:
    await store.accept("demo", [message(name) for name in "ab"])
    await store.claim("demo", ["a", "b"], answered_with="a")
    await store.settle("demo", "a", QuestionState.HANDED_OVER)
    assert (await store.settle("demo", "a", QuestionState.HEARD, answer="可以")).together == ("b",)
    assert (await store.question("demo", "b")).answer == "可以"  # type: ignore[union-attr]


async def test_what_is_with_playout_is_not_given_back(store: Store) -> None:
    await store.accept("demo", [message("a"), message("b")])
    await store.claim("demo", ["a", "b"])
    await store.settle("demo", "a", QuestionState.SENT, trace="q:a#0/1")
    assert await store.requeue_claimed("demo") == 1
    assert [one.id for one in await store.waiting("demo", 9)] == ["b"]
    assert (await store.question("demo", "a")).state is QuestionState.SENT  # type: ignore[union-attr]


async def test_operators_answers_have_versions(store: Store) -> None:
    assert await store.faq_entries() == []
    first = await store.put_faq_entry("b", {"answers": ["七天无理由"], "enabled": True})
    assert (first.version, first.values["answers"]) == (1, ["七天无理由"])
    assert [one.version for one in await store.put_faq_entries({"a": {"n": 1}, "b": {"n": 2}})] == [1, 2]
    assert [(one.id, one.values) for one in await store.faq_entries()] == [("b", {"n": 2}), ("a", {"n": 1})]
    with pytest.raises(VersionConflict, match="FAQ entry b"):
        await store.put_faq_entry("b", {}, if_version=1)
    with pytest.raises(NotStored):
        await store.put_faq_entry("c", {}, if_version=1)
    with pytest.raises(VersionConflict):
        await store.delete_faq_entry("b", if_version=1)
    await store.delete_faq_entry("b", if_version=2)
    with pytest.raises(NotStored):
        await store.delete_faq_entry("b")
    assert [one.id for one in await store.faq_entries()] == ["a"]
    assert await store.put_faq_entries({}) == []


async def test_settling_keeps_what_was_answered(store: Store) -> None:
    await store.accept("demo", [message("m")])
    await take(store, "demo", 1)
    heard = await store.settle("demo", "m", QuestionState.HEARD, "ok", answer="六十八元", trace="q:m#0/1")
    assert (heard.state, heard.note, heard.answer, heard.trace) == (
        QuestionState.HEARD,
        "ok",
        "六十八元",
        "q:m#0/1",
    )
    same = await store.settle("demo", "m", QuestionState.HEARD, "again", answer="other")
    assert same == heard
    assert (await store.questions("demo"))[0] == heard
    with pytest.raises(NotStored):
        await store.settle("demo", "nobody", QuestionState.HEARD)


@pytest.mark.parametrize("was", list(QuestionState))
@pytest.mark.parametrize("wished", list(QuestionState))
async def test_only_steps_of_the_table_are_taken(
    store: Store, was: QuestionState, wished: QuestionState
) -> None:
    await store.accept("demo", [message("m")])
    if was is not QuestionState.ACCEPTED:
        await store.claim("demo", ["m"])
        await store.settle("demo", "m", was)
    if wished == was or wished in TRANSITIONS[was]:
        assert (await store.settle("demo", "m", wished)).state is wished
    else:
        with pytest.raises(TransitionRefused, match=was.value):
            await store.settle("demo", "m", wished)
        assert (await store.questions("demo"))[0].state is was


async def test_what_was_never_said_goes_back_to_its_place(store: Store) -> None:
    await store.accept("demo", [message(f"m{i}") for i in range(4)])
    await take(store, "demo", 3)
    await store.settle("demo", "m1", QuestionState.HEARD)
    assert await store.requeue_claimed("demo") == 2
    assert await store.requeue_claimed("demo") == 0
    assert [one.id for one in await take(store, "demo", 10)] == ["m0", "m2", "m3"]


async def test_a_question_given_back_is_claimed_again(store: Store) -> None:
    await store.accept("demo", [message("a"), message("b")])
    await take(store, "demo", 1)
    await store.settle("demo", "a", QuestionState.ACCEPTED, "its answer was cut")
    assert [one.id for one in await take(store, "demo", 10)] == ["a", "b"]


async def test_old_waiting_questions_expire(store: Store) -> None:
    old, new = NOW - timedelta(minutes=10), NOW
    await store.accept("demo", [message("old", at=old), message("held", at=old), message("new", at=new)])
    claimed = await take(store, "demo", 2)
    await store.settle("demo", "old", QuestionState.ACCEPTED)
    assert [one.id for one in claimed] == ["old", "held"]
    assert await store.expire("demo", NOW - timedelta(minutes=5), limit=0) == []
    (expired,) = await store.expire("demo", NOW - timedelta(minutes=5), limit=5)
    assert (expired.id, expired.text, expired.state) == ("old", "多少钱", QuestionState.EXPIRED)
    assert await store.expire("demo", NOW - timedelta(minutes=5)) == []
    states = {one.id: one.state for one in await store.questions("demo")}
    assert states == {
        "old": QuestionState.EXPIRED,
        "held": QuestionState.CLAIMED,
        "new": QuestionState.ACCEPTED,
    }
    assert (await store.accept("demo", [message("old")])).duplicate == 1


async def test_questions_come_in_pages_newest_first(store: Store) -> None:
    await store.accept("demo", [message(f"m{i}") for i in range(7)])
    await take(store, "demo", 3)
    first = await store.questions("demo", limit=4)
    rest = await store.questions("demo", limit=4, before=first[-1].id)
    assert [one.id for one in (*first, *rest)] == [f"m{i}" for i in reversed(range(7))]
    claimed = await store.questions("demo", state=QuestionState.CLAIMED, limit=2)
    assert [one.id for one in claimed] == ["m2", "m1"]
    assert await store.questions("demo", before="unknown") == []


async def test_ten_thousand_messages(store: Store) -> None:
    batch = [message(f"m{i}") for i in range(10_000)]
    assert (await store.accept("demo", batch)).accepted == 10_000
    assert (await store.accept("demo", batch)).duplicate == 10_000
    seen: set[str] = set()
    while claimed := await take(store, "demo", 1000):
        seen.update(one.id for one in claimed)
    assert len(seen) == 10_000


async def test_the_settings_choose_store_and_inbox_limit(redis_url: str, root: Path, tmp_path: Path) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
    demo = read_settings(root / "configs/demo.yaml", {"LIVEHOST_STATE": str(tmp_path)}, review=False)
    limits = {"inbox_limit": 10, "user_inbox_limit": 8}
    rooms = tuple(room.model_copy(update=limits) for room in demo.rooms)
    for url, kind in ((None, SqliteStore), (SecretStr(redis_url), RedisStore)):
        settings = demo.model_copy(update={"rooms": rooms, "redis_url": url})
        async with open_store(settings) as store:
            assert isinstance(store, kind)
            result = await store.accept("demo", [message(f"limit-{i}") for i in range(9)])
            assert result.reasons == {"limit-8": "user_full"}
            result = await store.accept("demo", [message(f"other-{i}", user="小鹿") for i in range(3)])
            assert result.reasons == {"other-2": "inbox_full"}


async def test_a_redis_that_is_away_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached") as away:
        async with open_redis(f"redis://127.0.0.1:{free_port()}/0"):
            pass
    assert away.value.retryable


async def test_a_newer_redis_schema_is_refused(redis_url: str) -> None:
    async with open_redis(redis_url) as store:
        await store._client.set("livehost:schema", 99)
    try:
        with pytest.raises(SchemaTooNew, match="99"):
            async with open_redis(redis_url):
                pass
    finally:
        async with Redis.from_url(redis_url) as client:
            await client.flushdb()
