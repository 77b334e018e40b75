"""The book over REST: reviewed when saved, versions, roles, pages, paste, export, and from a question."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from livehost.answers import answer
from livehost.store.protocol import ChatMessage, FaqEntry
from tests.fakes import FakeHouse, open_client

FAQ = "/v1/faq"
END: dict[str, Any] = {"keywords": [["几点", "下播"]], "answers": ["今晚会播到很晚，慢慢看"]}


def asked(house: FakeHouse, line: str) -> str:
    """What the host says to a line now."""
    catalog = house.rooms["room-a"].catalog()
    book = house.faq.book()
    return answer(line, catalog=catalog, on_air="cleanser-01", now=datetime.now(UTC), book=book).text


async def test_an_entry_counts_for_the_next_question_and_goes_with_its_removal(
    house: FakeHouse, client: httpx.AsyncClient
) -> None:
    added = await client.post(FAQ, json=END)
    assert added.status_code == 201, added.text
    at, tag = added.headers["location"], added.headers["etag"]
    assert "播到很晚" in asked(house, "主播几点下播")
    body = added.json()
    assert body["updated_by"] and body["at"] and body["scope"] == "shop" and "rests" not in body
    assert (await client.put(at, json=END)).status_code == 428
    changed = await client.put(at, json={**END, "answers": ["播到后半夜，别急"]}, headers={"if-match": tag})
    assert changed.status_code == 200 and "后半夜" in asked(house, "主播几点下播")
    assert (await client.put(at, json=END, headers={"if-match": tag})).status_code == 412
    assert (await client.delete(at, headers={"if-match": tag})).status_code == 412
    now = (await client.get(at)).headers["etag"]
    assert (await client.delete(at, headers={"if-match": now})).status_code == 204
    assert (await client.get(at)).status_code == 404
    assert "后半夜" not in asked(house, "主播几点下播")


@pytest.mark.parametrize(
    ("words", "scope", "caught"),
    [
        ("这是全网第一的洁面", "shop", "第一"),
        ("能治疗痘痘", "shop", "治疗"),
        ("加微信领福利", "shop", "加微信"),
        ("洁面现在59元", "shop", "59元"),
        ("领券满59元减10元", "shop", "10元"),
        ("现在只要49.5元", "product:cleanser-01", "49.5元"),
        ("现在只要四十五块", "product:cleanser-01", "块"),
        ("{prize}很划算", "shop", "{prize}"),
        ("{price:>999999}很划算", "shop", "{price:>999999}"),
        ("{price很划算", "shop", "{price很划算"),
        ("{name.__class__}", "shop", "{name.__class__}"),
        ("好用", "product:nothing", "nothing"),
        ("好用", "persona:nobody", "nobody"),
    ],
)
async def test_what_may_not_be_said_is_not_saved(
    client: httpx.AsyncClient, words: str, scope: str, caught: str
) -> None:
    for confirmed in (False, True):
        body = {**END, "answers": ["没问题的", words], "scope": scope, "confirmed": confirmed}
        refused = await client.post(FAQ, json=body)
        assert refused.status_code == 422, refused.text
        assert refused.headers["content-type"] == "application/problem+json"
        errors = refused.json()["errors"]
        hit = next(one for one in errors if one["verdict"] == "block" and caught in one["words"])
        assert hit["rule"] and hit["message"]
        if hit["at"] == "answers.1":
            assert words[slice(*hit["span"])] == hit["words"]
    assert (await client.get(FAQ)).json()["items"] == []


async def test_a_figure_of_no_fact_is_saved_once_confirmed(client: httpx.AsyncClient) -> None:
    entry = {"keywords": [["运费"]], "answers": ["偏远地区的运费另加8元", "全店满39.9元有小样"]}
    first = await client.post(FAQ, json=entry)
    assert first.status_code == 409 and first.json()["confirm"]
    assert any(one["verdict"] == "review" for one in first.json()["errors"])
    assert (await client.post(FAQ, json={**entry, "confirmed": True})).status_code == 201


async def test_a_price_in_words_falls_silent_when_the_product_changes(
    house: FakeHouse, client: httpx.AsyncClient
) -> None:
    entry = {"keywords": [["会员"]], "answers": ["会员拿这支也是59元"], "scope": "product:cleanser-01"}
    added = await client.post(FAQ, json={**entry, "confirmed": True})
    assert added.status_code == 201, added.text
    assert "59元" in asked(house, "会员多少钱")
    changed = await client.patch(
        "/v1/rooms/room-a/products/cleanser-01", json={"price": "69.00"}, headers={"if-match": "*"}
    )
    assert changed.status_code == 200
    assert "59" not in asked(house, "会员多少钱")


async def test_a_paste_is_previewed_then_saved_without_what_is_blocked(client: httpx.AsyncClient) -> None:
    text = "\n".join(
        (
            "几点+下播、什么时候+下播 => 今晚会播到很晚 | 还早着呢",
            "运费 => 偏远地区的运费另加8元",
            "真的吗 => 全网第一，放心买",
            "没有箭头的一行",
            "包装 => {prize}",
            "几点+下播、什么时候+下播 => 又来一遍",
        )
    )
    preview = (await client.post(f"{FAQ}/paste", json={"text": text})).json()
    assert [row["verdict"] for row in preview["rows"]] == [
        "pass", "review", "block", "block", "block", "block",
    ]  # fmt: skip
    assert preview["saved"] == 0 and (await client.get(FAQ)).json()["items"] == []
    blocked = preview["rows"][2]["errors"][0]
    assert "第一" in blocked["words"] and blocked["span"] != [0, 0] and blocked["message"]
    saved = (await client.post(f"{FAQ}/paste", json={"text": text, "save": True})).json()
    assert saved["saved"] == 1
    again = (await client.post(f"{FAQ}/paste", json={"text": text, "save": True, "confirmed": True})).json()
    assert [row["saved"] for row in again["rows"]] == [False, True, False, False, False, False]
    assert len((await client.get(FAQ)).json()["items"]) == 2


async def test_an_export_pasted_again_changes_nothing(client: httpx.AsyncClient) -> None:
    await client.post(
        FAQ,
        json={
            "keywords": [["几点", "下播"], ["+1s".replace("+", "＃")]],
            "questions": ["=几点下播"],
            "answers": ['说"好"，别急', "还早"],
            "scope": "persona:xiaotang",
            "cool_down_s": 30,
            "enabled": False,
            "confirmed": True,
        },
    )
    before = (await client.get(FAQ)).json()["items"]
    assert len(before) == 1
    for form in ("csv", "tsv"):
        sheet = await client.get(f"{FAQ}/export", params={"format": form})
        assert sheet.headers["content-type"].startswith("text/")
        assert "'=几点下播" in sheet.text
        got = await client.post(f"{FAQ}/paste", json={"text": sheet.text, "save": True, "confirmed": True})
        assert got.json()["saved"] == 1, got.text
        after = (await client.get(FAQ)).json()["items"]
        keep = ("id", "keywords", "questions", "answers", "scope", "cool_down_s", "enabled")
        assert [{k: one[k] for k in keep} for one in after] == [{k: one[k] for k in keep} for one in before]


async def test_an_unanswered_question_becomes_an_entry_in_one_step(
    house: FakeHouse, client: httpx.AsyncClient
) -> None:
    message = ChatMessage(id="q1", user="小鹿", text="@小棠 你们门店在哪里呀", at=datetime.now(UTC))
    await house.store.accept("room-a", [message])
    at = f"{FAQ}/from-question/room-a"
    assert (await client.post(f"{at}/q1", json={"answers": ["全网第一的门店"]})).status_code == 422
    made = await client.post(f"{at}/q1", json={"answers": ["我们是线上店，没有门店"], "confirmed": True})
    assert made.status_code == 201, made.text
    assert made.json()["questions"] == ["你们门店在哪里呀"]
    assert "线上店" in asked(house, "你们的门店在哪")
    asked_now = (await client.get("/v1/rooms/room-a/questions")).json()["items"]
    assert [(one["id"], one["kept"]) for one in asked_now] == [("q1", True)]
    again = await client.post(f"{at}/q1", json={"answers": ["没有门店"], "confirmed": True})
    assert again.status_code == 409 and again.json()["entry"] == made.json()["id"]
    assert "confirm" not in again.json() and len((await client.get(FAQ)).json()["items"]) == 1
    assert (await client.post(f"{at}/nothing", json={"answers": ["好"]})).status_code == 404
    assert (await client.post(f"{FAQ}/from-question/nowhere/q1", json={"answers": ["好"]})).status_code == 404


async def test_who_may_add_to_the_book_may_make_a_question_an_entry(house: FakeHouse) -> None:
    message = ChatMessage(id="q1", user="小鹿", text="你们门店在哪里呀", at=datetime.now(UTC))
    await house.store.accept("room-a", [message])
    for role, status in (("viewer", 403), ("trainer", 403), ("operator", 201)):
        async with open_client(house, role) as client:
            made = await client.post(
                f"{FAQ}/from-question/room-a/q1", json={"answers": ["我们是线上店"], "confirmed": True}
            )
            assert made.status_code == status, made.text


async def test_the_same_entry_is_not_added_twice(client: httpx.AsyncClient) -> None:
    first = await client.post(FAQ, json=END)
    same = await client.post(FAQ, json={**END, "answers": ["还早着呢"]})
    assert same.status_code == 409 and same.json()["entry"] == first.json()["id"]
    elsewhere = await client.post(FAQ, json={**END, "scope": "product:cleanser-01"})
    assert elsewhere.status_code == 201
    moved = await client.put(
        elsewhere.headers["location"], json=END, headers={"if-match": elsewhere.headers["etag"]}
    )
    assert moved.status_code == 409 and moved.json()["entry"] == first.json()["id"]
    kept = await client.put(
        first.headers["location"], json={**END, "answers": ["还早"]}, headers={"if-match": "*"}
    )
    assert kept.status_code == 200
    assert len((await client.get(FAQ)).json()["items"]) == 2


async def test_pages_search_and_roles(house: FakeHouse, client: httpx.AsyncClient) -> None:
    for number in range(3):
        entry = {"keywords": [[f"词语{number}"]], "answers": ["没问题的"]}
        assert (await client.post(FAQ, json=entry)).status_code == 201
    page = (await client.get(FAQ, params={"limit": 2})).json()
    assert len(page["items"]) == 2
    rest = (await client.get(FAQ, params={"limit": 2, "after": page["next"]})).json()
    assert len(rest["items"]) == 1 and rest["next"] is None
    assert len((await client.get(FAQ, params={"q": "词语1"})).json()["items"]) == 1
    async with open_client(house, "viewer") as looking:
        assert (await looking.get(FAQ)).status_code == 200
        assert (await looking.post(FAQ, json=END)).status_code == 403
        assert (await looking.post(f"{FAQ}/paste", json={"text": "a => b"})).status_code == 403
    async with open_client(house, None) as nobody:
        assert (await nobody.get(f"{FAQ}/export")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"answers": ["好"]},
        {"keywords": [["票"]], "answers": ["好"]},
        {"keywords": [["！！"]], "answers": ["好"]},
        {"keywords": [["发票"]], "answers": []},
        {"keywords": [["发票"]], "answers": ["好|不好"]},
        {"keywords": [["发\ud800票"]], "answers": ["好"]},
        {"keywords": [["发票"]], "answers": ["好"], "scope": "room:a"},
        {"keywords": [["发票"]], "answers": ["好"], "cool_down_s": -1},
        {"keywords": [["发票"]], "answers": ["好"], "more": 1},
    ],
)
async def test_what_makes_no_entry_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    import json

    refused = await client.post(
        FAQ, content=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )
    assert refused.status_code == 422 and refused.json()["mend"], refused.text


async def test_a_keyword_by_itself_is_a_group_of_its_own(client: httpx.AsyncClient) -> None:
    added = await client.post(FAQ, json={"keywords": ["会员", ["几点", "下播"]], "answers": ["好的"]})
    assert added.status_code == 201, added.text
    assert added.json()["keywords"] == [["会员"], ["几点", "下播"]]


async def test_an_edit_reads_the_book_once_before_it_and_once_after(
    house: FakeHouse, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = await client.post(FAQ, json=END)
    store = house.faq._store
    reads, read = 0, store.faq_entries

    async def counted() -> list[FaqEntry]:
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(store, "faq_entries", counted)
    at, tag = added.headers["location"], added.headers["etag"]
    assert (await client.put(at, json=END, headers={"if-match": tag})).status_code == 200
    assert reads == 2
    gone = f"{FAQ}/faq-0000000000"
    assert (await client.put(gone, json=END, headers={"if-match": "*"})).status_code == 404
    assert (await client.delete(gone, headers={"if-match": "*"})).status_code == 404
