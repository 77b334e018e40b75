"""The adapter library over the API: listing, staging with every error, switching by hand."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from livehost.promoted import read_promotion
from livehost.wardrobe import Engines
from services.lora.card import Card, read_card
from tests.fakes import FakeHouse, open_client, open_house
from tests.scripted_engines import ScriptedEngine, sha, shelve


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[FakeHouse]:
    async with open_house(tmp_path) as house:
        yield house


@pytest.fixture
async def client(house: FakeHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(house, "operator") as client:
        yield client


def engine(house: FakeHouse, role: str = "language") -> ScriptedEngine:
    found = getattr(house.wardrobe.engines, role)
    assert isinstance(found, ScriptedEngine)
    return found


async def test_the_library_is_listed_with_cards_and_consents(
    house: FakeHouse, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    shelve(tmp_path / "adapters", "xiaotang", "visual", "2", until=date(2026, 12, 20))
    shelve(tmp_path / "adapters", "xiaotang", "visual", "3", until=date(2026, 11, 1))
    shelve(tmp_path / "adapters", "xiaotang", "visual", "4", until=None)
    items = {one["id"]: one for one in (await client.get("/v1/adapters")).json()["items"]}
    assert list(items) == [
        "xiaotang.language.1", "xiaotang.visual.1", "xiaotang.visual.2", "xiaotang.visual.3",
        "xiaotang.visual.4",
    ]  # fmt: skip
    one = items["xiaotang.language.1"]
    assert (one["state"], one["sha256"]) == ("stored", sha("xiaotang.language.1"))
    assert one["card"]["rank"] == 4 and one["errors"] == []
    states = {name: item["consent"]["state"] for name, item in items.items()}
    assert states["xiaotang.visual.1"] == "valid"
    assert states["xiaotang.visual.2"] == "expiring"
    assert items["xiaotang.visual.2"]["consent"]["days_left"] == 19
    assert states["xiaotang.visual.3"] == "expired"
    assert states["xiaotang.visual.4"] == "missing"
    assert items["xiaotang.visual.4"]["state"] == "failed"
    page = (await client.get("/v1/adapters", params={"limit": 2, "after": "xiaotang.visual.1"})).json()
    assert [one["id"] for one in page["items"]] == ["xiaotang.visual.2", "xiaotang.visual.3"]


async def test_staging_makes_resident_or_lists_every_error(
    house: FakeHouse, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/adapters/xiaotang.language.1/stage")
    assert answer.status_code == 200 and answer.json()["state"] == "resident"
    engine(house).refuses["xiaotang.language.1"] = ("q_proj: NaN", "k_proj: shape")
    answer = await client.post("/v1/adapters/xiaotang.language.1/stage")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["message"] for one in answer.json()["errors"]] == ["q_proj: NaN", "k_proj: shape"]
    shown = (await client.get("/v1/adapters/xiaotang.language.1")).json()
    assert shown["state"] == "failed" and "q_proj: NaN" in shown["errors"]


async def test_what_the_disk_says_is_enough_to_refuse(
    house: FakeHouse, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    folder = shelve(tmp_path / "adapters", "xiaotang", "visual", "3", until=date(2026, 11, 1))
    (folder / "adapter.safetensors").unlink()
    answer = await client.post("/v1/adapters/xiaotang.visual.3/stage")
    assert answer.status_code == 422 and len(answer.json()["errors"]) == 2
    assert engine(house, "vision").asked == []


async def test_no_folder_and_no_card_hides_the_other_adapters(
    house: FakeHouse, client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "adapters"
    os.makedirs(os.fsencode(library) + b"/xiaotang/language/\xff\xfe")
    (library / "Not A Name" / "visual" / "1").mkdir(parents=True)
    broken = shelve(library, "xiaotang", "language", "2") / "adapter.yaml"
    broken.unlink()
    os.mkfifo(broken)
    items = {one["id"]: one for one in (await client.get("/v1/adapters")).json()["items"]}
    assert items["xiaotang.language.1"]["errors"] == []
    assert "no plain file" in items["xiaotang.language.2"]["errors"][0]
    named = [one for name, one in items.items() if "udcff" in name or "Not A Name" in name]
    assert len(named) == 2 and all("rename it" in one["errors"][0] for one in named)
    assert (await client.post("/v1/adapters/xiaotang.language.1/stage")).status_code == 200
    real = read_card

    def fails(folder: Path) -> Card:
        if folder.name == "2":
            raise KeyError("unforeseen")
        return real(folder)

    monkeypatch.setattr("services.lora.card.read_card", fails)
    assert (await client.get("/v1/adapters/xiaotang.language.1")).status_code == 200
    assert "unforeseen" in (await client.get("/v1/adapters/xiaotang.language.2")).json()["errors"][0]


async def test_a_library_that_is_gone_is_named(client: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "adapters").rename(tmp_path / "elsewhere")
    answer = await client.post("/v1/adapters/xiaotang.language.1/stage")
    assert answer.status_code == 503 and str(tmp_path / "adapters") in answer.text


async def test_an_engine_that_is_not_ready_is_503(house: FakeHouse, client: httpx.AsyncClient) -> None:
    engine(house).ready = False
    assert (await client.post("/v1/adapters/xiaotang.language.1/stage")).status_code == 503
    engine(house).ready, engine(house).gone = True, True
    assert (await client.post("/v1/adapters/xiaotang.language.1/stage")).status_code == 503


async def test_quarantine_is_shown(house: FakeHouse, client: httpx.AsyncClient) -> None:
    engine(house).quarantined = (sha("xiaotang.language.1"),)
    assert (await client.get("/v1/adapters/xiaotang.language.1")).json()["state"] == "quarantined"


async def test_an_unknown_adapter_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/adapters/xiaotang.visual.9")).status_code == 404
    assert (await client.post("/v1/adapters/nobody.visual.1/stage")).status_code == 404
    assert (await client.get("/v1/adapters/..%2F..%2Fetc.visual.1")).status_code in (404, 422)


async def test_the_engines_tell_their_figures(house: FakeHouse, client: httpx.AsyncClient) -> None:
    language, vision = (await client.get("/v1/engines")).json()["items"]
    assert (language["state"], language["base"], language["slots"]) == ("ready", "tiny", 8)
    engine(house, "vision").error = "no such directory"
    engine(house, "vision").ready = False
    vision = (await client.get("/v1/engines")).json()["items"][1]
    assert (vision["state"], vision["mend"]) == ("failed", "mend it")


async def test_switching_by_hand(house: FakeHouse, client: httpx.AsyncClient) -> None:
    asked = {"persona": "xiaotang", "adapters": {"language": "1"}}
    answer = await client.post("/v1/rooms/room-a/switch", json=asked)
    assert answer.status_code == 202 and answer.json()["next"]["state"] == "preparing"
    name, persona, rundown, adapters, until = house.rooms["room-a"].asked[-1]
    assert (name, persona, rundown, until) == ("switch", "xiaotang", None, None)
    assert (adapters.language, adapters.visual) == ("1", None)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"persona": "nobody"}, 404),
        ({"persona": "xiaotang", "rundown": "nothing"}, 404),
        ({"persona": "xiaotang", "adapters": {"visual": "77"}}, 404),
        ({"persona": "xiaotang", "adapters": {"visual": "../1"}}, 422),
        ({"persona": "xiaotang", "until": "2001-01-01T00:00:00Z"}, 422),
        ({"persona": "xiaotang", "until": "2026-12-01T00:00:00"}, 422),
        ({}, 422),
    ],
)
async def test_a_switch_that_cannot_be_is_refused(
    client: httpx.AsyncClient, asked: dict[str, object], status: int
) -> None:
    assert (await client.post("/v1/rooms/room-a/switch", json=asked)).status_code == status


async def test_a_version_is_promoted_rolled_back_and_retired(house: FakeHouse, tmp_path: Path) -> None:
    shelve(tmp_path / "adapters", "xiaotang", "language", "2")
    reason = {"without_evaluation": "a try"}
    async with open_client(house, "trainer") as trainer:
        refused = await trainer.post("/v1/adapters/xiaotang.language.1/promote")
        assert refused.status_code == 409 and "还没有评估" in refused.json()["errors"][0]["message"]
        assert str(tmp_path) not in refused.text
        for version in "12":
            done = await trainer.post(f"/v1/adapters/xiaotang.language.{version}/promote", json=reason)
            assert done.status_code == 200 and done.json()["promoted"]
        assert done.json()["back_to"] == "1"
        assert "stage xiaotang.language.2" in engine(house).asked
        known = (await trainer.get("/v1/adapters/xiaotang.language.promoted")).json()
        assert known["id"] == "xiaotang.language.2"
        assert (await trainer.post("/v1/adapters/xiaotang.language.2/retire")).status_code == 409
        back = await trainer.post("/v1/adapters/xiaotang/language/rollback")
        assert (back.json()["id"], back.json()["passed_over"]) == ("xiaotang.language.1", {})
        retired = await trainer.post("/v1/adapters/xiaotang.language.2/retire", json={"why": "thin"})
        assert retired.json()["state"] == "retired" and "thin" in retired.json()["retired"]
        assert (
            await trainer.post("/v1/adapters/xiaotang.language.2/promote", json=reason)
        ).status_code == 422
        assert (await trainer.post("/v1/adapters/xiaotang/language/rollback")).status_code == 409
        assert (await trainer.post("/v1/adapters/nobody/visual/rollback")).status_code == 409
        for action in ("promote", "retire"):
            assert (await trainer.post(f"/v1/adapters/nobody.visual.1/{action}")).status_code == 404
    kept = read_promotion(tmp_path / "adapters" / "xiaotang" / "language")
    assert kept is not None and [one.action for one in kept.history] == ["promote", "promote", "rollback"]
    assert all(one.by.startswith("trainer-") for one in kept.history)


async def test_what_an_engine_refuses_is_not_promoted(house: FakeHouse, tmp_path: Path) -> None:
    reason = {"without_evaluation": "a try"}
    engine(house).refuses["xiaotang.language.1"] = ("q_proj: NaN",)
    async with open_client(house, "trainer") as trainer:
        refused = await trainer.post("/v1/adapters/xiaotang.language.1/promote", json=reason)
        assert refused.status_code == 422 and "NaN" in refused.text
        engine(house).ready = False
        assert (
            await trainer.post("/v1/adapters/xiaotang.language.1/promote", json=reason)
        ).status_code == 503
    assert not (tmp_path / "adapters" / "xiaotang" / "language" / "promoted.yaml").exists()


async def test_without_an_engine_the_files_are_checked(house: FakeHouse, tmp_path: Path) -> None:
    house.wardrobe.engines = Engines()
    async with open_client(house, "duty") as duty:
        refused = await duty.post(
            "/v1/adapters/xiaotang.language.1/promote", json={"without_evaluation": "a try"}
        )
    assert refused.status_code == 409 and "safetensors" in refused.text


async def test_who_may_promote_and_who_may_roll_back(house: FakeHouse) -> None:
    allowed = {
        "viewer": (403, 403, 403), "operator": (403, 403, 409), "duty": (409, 409, 409),
        "trainer": (409, 409, 409),
    }  # fmt: skip
    async with open_client(house, "trainer") as trainer:
        reason = {"without_evaluation": "a try"}
        await trainer.post("/v1/adapters/xiaotang.language.1/promote", json=reason)
    for role, expected in allowed.items():
        async with open_client(house, role) as client:
            answers = [
                await client.post(f"/v1/adapters/{path}")
                for path in (
                    "xiaotang.visual.1/promote",
                    "xiaotang.language.1/retire",
                    "xiaotang/language/rollback",
                )
            ]
            assert tuple(one.status_code for one in answers) == expected, role


async def test_roles(house: FakeHouse) -> None:
    async with open_client(house, "viewer") as viewer:
        assert (await viewer.get("/v1/adapters")).status_code == 200
        assert (await viewer.get("/v1/engines")).status_code == 200
        assert (await viewer.post("/v1/adapters/xiaotang.language.1/stage")).status_code == 403
        switch = await viewer.post("/v1/rooms/room-a/switch", json={"persona": "xiaotang"})
        assert switch.status_code == 403
    async with open_client(house, None) as nobody:
        assert (await nobody.get("/v1/adapters")).status_code == 401
