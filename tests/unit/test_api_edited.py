"""What is edited: slots, override, outputs, products; versions, and secrets that stay inside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.fakes import FakeHouse

SLOT: dict[str, Any] = {
    "id": "morning",
    "persona": "xiaotang",
    "rundown": "skincare",
    "first": "2026-01-01",
    "at": "06:00",
    "duration": "PT6H",
    "rrule": "FREQ=DAILY",
}
SLOTS = "/v1/rooms/room-a/slots"
OUTPUTS = "/v1/rooms/room-a/outputs"
PRODUCTS = "/v1/rooms/room-a/products"


# ---- slots


async def test_a_slot_is_added_changed_and_removed(house: FakeHouse, client: httpx.AsyncClient) -> None:
    added = await client.post(SLOTS, json=SLOT)
    assert added.status_code == 201 and added.headers["location"] == f"{SLOTS}/morning"
    tag = added.headers["etag"]
    assert (await client.post(SLOTS, json=SLOT)).status_code == 409
    changed = await client.put(
        f"{SLOTS}/morning", json={**SLOT, "persona": "laochen"}, headers={"if-match": tag}
    )
    assert changed.status_code == 200 and changed.json()["persona"] == "laochen"
    stale = await client.put(f"{SLOTS}/morning", json=SLOT, headers={"if-match": tag})
    assert stale.status_code == 412 and stale.json()["mend"]
    got = await client.get(f"{SLOTS}/morning")
    assert got.headers["etag"] == changed.headers["etag"] != tag
    assert (await client.delete(f"{SLOTS}/morning")).status_code == 428
    assert (await client.delete(f"{SLOTS}/morning", headers={"if-match": tag})).status_code == 412
    gone = await client.delete(f"{SLOTS}/morning", headers={"if-match": got.headers["etag"]})
    assert gone.status_code == 204
    assert (await client.get(f"{SLOTS}/morning")).status_code == 404
    assert house.rooms["room-a"].asked.count(("reload_timetable",)) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"persona": "nobody"},
        {"rundown": "nothing"},
        {"rrule": "FREQ=HOURLY"},
        {"rrule": "FREQ=SECONDLY;BYSECOND=1"},
        {"rrule": "nonsense"},
        {"duration": "PT0S"},
        {"duration": "P900D"},
        {"duration": 1e300},
        {"first": "2026-02-30"},
        {"first": "0001-01-01"},
        {"at": "25:00"},
        {"priority": 10**30},
        {"priority": 101},
        {"id": "Not A Name"},
        {"id": "x" * 200},
        {"unknown": 1},
    ],
)
async def test_a_slot_that_cannot_stand_is_422(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await client.post(SLOTS, json={**SLOT, **change})
    assert answer.status_code == 422, answer.text
    assert answer.json()["mend"]


@pytest.mark.parametrize("tag", ["", "x", '"', '"x"', "W/", "²", '"-1"'])
async def test_an_edit_without_a_version_is_428(client: httpx.AsyncClient, tag: str) -> None:
    await client.post(SLOTS, json=SLOT)
    answer = await client.delete(f"{SLOTS}/morning", headers=[(b"if-match", tag.encode())])
    assert answer.status_code == 428
    huge = await client.delete(f"{SLOTS}/morning", headers={"if-match": '"99999999999999999999999"'})
    assert huge.status_code == 412
    assert (await client.delete(f"{SLOTS}/morning", headers={"if-match": "*"})).status_code == 204


async def test_slots_come_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await client.post(SLOTS, json={**SLOT, "id": f"s{number}"})
    first = (await client.get(f"{SLOTS}?limit=3")).json()
    second = (await client.get(f"{SLOTS}?limit=3&after={first['next']}")).json()
    assert [one["id"] for one in first["items"] + second["items"]] == [f"s{n}" for n in range(5)]
    assert second["next"] is None


async def test_the_schedule_is_expanded_and_exported(client: httpx.AsyncClient) -> None:
    await client.post(SLOTS, json=SLOT)
    day = {"from": "2026-03-01T00:00:00+08:00", "to": "2026-03-02T00:00:00+08:00"}
    shown = (await client.get("/v1/rooms/room-a/schedule", params=day)).json()
    assert shown["zone"] == "Asia/Shanghai"
    morning = next(one for one in shown["items"] if one["slot"] == "morning")
    assert morning["since"] == "2026-03-01T06:00:00+08:00"
    assert morning["until"] == "2026-03-01T12:00:00+08:00"
    calendar = await client.get("/v1/rooms/room-a/schedule.ics")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert calendar.text.startswith("BEGIN:VCALENDAR") and "RRULE:FREQ=DAILY" in calendar.text


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-03-01T00:00:00Z", "to": "2026-09-01T00:00:00Z"},
        {"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"from": "2026-03-01T00:00:00"},
        {"from": "0001-01-01T00:00:00Z"},
        {"to": "9999-12-31T23:59:59Z"},
        {"from": "1e400"},
        {"from": "NaN"},
    ],
)
async def test_a_wrong_window_is_422(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get("/v1/rooms/room-a/schedule", params=query)
    assert answer.status_code == 422, answer.text


async def test_an_override_rules_until_its_instant(house: FakeHouse, client: httpx.AsyncClient) -> None:
    path = "/v1/rooms/room-a/override"
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    put = await client.put(path, json={"persona": "laochen", "until": until})
    assert put.status_code == 200
    assert (await client.get(path)).json()["override"]["persona"] == "laochen"
    items = (await client.get("/v1/rooms/room-a/schedule")).json()["items"]
    reasons = [one["reason"] for one in items]
    assert "override" in reasons and reasons[0] != "override"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json() == {"override": None}
    for wrong in ("2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2026-01-01T00:00:00", "x", 1e300):
        assert (await client.put(path, json={"persona": "laochen", "until": wrong})).status_code == 422
    assert (await client.put(path, json={"persona": "nobody", "until": until})).status_code == 422
    assert ("reload_timetable",) in house.rooms["room-a"].asked


# ---- outputs


async def test_a_key_goes_in_and_never_comes_out(house: FakeHouse, client: httpx.AsyncClient) -> None:
    body = {"name": "douyin", "url": "rtmp://u:pw@push.example/live?sign=abc", "key": "TOP-SECRET-KEY"}
    added = await client.post(OUTPUTS, json=body)
    assert added.status_code == 201 and added.json()["has_key"] is True
    assert (await client.post(OUTPUTS, json=body)).status_code == 409
    answers = [added, await client.get(OUTPUTS), await client.get(f"{OUTPUTS}/douyin")]
    changed = await client.put(
        f"{OUTPUTS}/douyin", json={"key": "NEW-SECRET-KEY"}, headers={"if-match": added.headers["etag"]}
    )
    assert changed.status_code == 200
    wrong = await client.put(
        f"{OUTPUTS}/douyin", json={"key": {"NEW-SECRET-KEY": 1}}, headers={"if-match": "*"}
    )
    assert wrong.status_code == 422
    for answer in [*answers, changed, wrong, await client.get("/v1/rooms/room-a")]:
        assert "SECRET" not in answer.text and "pw" not in answer.text and "abc" not in answer.text
    stored = (await house.store.outputs("room-a"))[0]
    assert stored.key.get_secret_value() == "NEW-SECRET-KEY"
    assert stored.url == body["url"]
    assert house.rooms["room-a"].asked.count(("reload_outputs",)) == 2


async def test_an_output_is_removed_with_its_version(client: httpx.AsyncClient) -> None:
    added = await client.post(OUTPUTS, json={"name": "ks", "url": "rtmps://push.example/app"})
    assert added.json()["has_key"] is False
    assert (await client.put(f"{OUTPUTS}/ks", json={"enabled": False})).status_code == 428
    off = await client.put(
        f"{OUTPUTS}/ks", json={"enabled": False}, headers={"if-match": added.headers["etag"]}
    )
    assert off.json()["enabled"] is False
    old = {"if-match": added.headers["etag"]}
    assert (await client.delete(f"{OUTPUTS}/ks", headers=old)).status_code == 412
    now = {"if-match": off.headers["etag"]}
    assert (await client.delete(f"{OUTPUTS}/ks", headers=now)).status_code == 204
    assert (await client.get(f"{OUTPUTS}/ks")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://push.example"},
        {"url": "file:///etc/passwd"},
        {"url": "rtmp://"},
        {"url": "rtmp://a b/live"},
        {"url": "rtmp://push.example/a\nb"},
        {"url": "rtmp://push.example:99999999/x"},
        {"url": "rtmp://[::1/x"},
        {"url": "-i /etc/passwd"},
        {"name": "../x"},
        {"key": "two words"},
        {"key": "x" * 2000},
        {"enabled": "perhaps"},
    ],
)
async def test_an_output_that_cannot_be_is_422(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await client.post(OUTPUTS, json={"name": "dy", "url": "rtmp://push.example/live", **change})
    assert answer.status_code == 422, answer.text


# ---- products


async def test_a_price_is_changed_on_air(house: FakeHouse, client: httpx.AsyncClient) -> None:
    got = await client.get(f"{PRODUCTS}/cleanser-01")
    assert got.headers["etag"] == '"0"' and got.json()["pay"] == "49.00"
    changed = await client.patch(
        f"{PRODUCTS}/cleanser-01", json={"price": "62.00", "stock": 5}, headers={"if-match": '"0"'}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["price"], changed.json()["pay"], changed.json()["stock"]) == ("62.00", "52.00", 5)
    stale = await client.patch(f"{PRODUCTS}/cleanser-01", json={"stock": 9}, headers={"if-match": '"0"'})
    assert stale.status_code == 412
    without = await client.patch(
        f"{PRODUCTS}/cleanser-01", json={"coupon": False}, headers={"if-match": changed.headers["etag"]}
    )
    assert without.json()["pay"] == "62.00"
    assert house.rooms["room-a"].asked.count(("reload_catalog",)) == 2
    listed = (await client.get(PRODUCTS)).json()["items"]
    assert listed[0]["price"] == "62.00" and listed[0]["version"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0"},
        {"price": "-1"},
        {"price": "NaN"},
        {"price": "1.999"},
        {"price": "9" * 40},
        {"price": None},
        {"stock": -1},
        {"stock": 10**30},
        {"stock": 1.5},
        {"stock": None},
        {"coupon": {"amount": "x"}},
        {"id": "other"},
        {"restock": "soon"},
    ],
)
async def test_a_change_that_cannot_be_is_422(client: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await client.patch(f"{PRODUCTS}/cleanser-01", json=change, headers={"if-match": "*"})
    assert answer.status_code == 422, answer.text
    assert (await client.get(f"{PRODUCTS}/cleanser-01")).json()["price"] == "59.00"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"usage": "每天用两次，三天见效"}, "usage"),
        ({"gifts": [{"name": "药 妆 小样"}]}, "gifts.0.name"),
        ({"shipping": {"within": "最后几单马上发"}}, "shipping.within"),
        ({"usage": "晚上用，次日就能zhi愈"}, "usage"),
    ],
)
async def test_a_text_that_may_not_be_said_is_not_saved(
    client: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    before = (await client.get(f"{PRODUCTS}/cleanser-01")).json()
    answer = await client.patch(f"{PRODUCTS}/cleanser-01", json=change, headers={"if-match": "*"})
    assert answer.status_code == 422, answer.text
    assert {error["at"] for error in answer.json()["errors"]} == {field}
    assert all(
        error["rule"] and error["span"] and error["verdict"] == "block" for error in answer.json()["errors"]
    )
    assert (await client.get(f"{PRODUCTS}/cleanser-01")).json() == before


async def test_a_product_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{PRODUCTS}/nothing")).status_code == 404
    answer = await client.patch(f"{PRODUCTS}/nothing", json={"stock": 1}, headers={"if-match": "*"})
    assert answer.status_code == 404
    assert (await client.patch(f"{PRODUCTS}/cleanser-01", json={"stock": 1})).status_code == 428
