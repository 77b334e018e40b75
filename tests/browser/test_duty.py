"""The duty page in a real Chromium: one list over all rooms, decided by keys, seen by who else watches."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Request, Route, expect

from livehost.answers.facts import ASKED_LINK
from livehost.catalog import Catalog, Product, Shop
from livehost.compliance.claim_check import _fields
from tests.browser.test_console import CHROMIUM, opened, show
from tests.fakes import TOKENS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]
SOAP = {
    "id": "soap", "link": 1, "name": "皂", "category": "other", "price": "9.00", "stock": 3,
    "specs": [{"name": "大瓶", "price": "19.00"}], "faq": [{"q": ["香吗"], "a": "淡香"}],
}  # fmt: skip
UNSAID = ("id", "aliases", "never_say", "platforms", "valid", "image")  # of a product, but no facts
LATER = {"Authorization": f"Bearer {TOKENS['duty']}"}


async def on_duty(page: Page, address: str) -> None:
    """The duty page, with its list."""
    await page.goto(f"{address}/#duty")
    await expect(page.locator(".queue > li[data-key]")).to_have_count(5)


async def press(page: Page, key: str) -> dict[str, Any]:
    """A key that decides, once what is in front has been there long enough; what was sent."""
    await expect(page.locator(".duty")).to_have_attribute("data-read", "yes")
    async with page.expect_response(lambda answer: answer.url.endswith("/duty")) as answered:
        await page.keyboard.press(key)
    answer = await answered.value
    return {**_sent(answer.request), "status": answer.status}


def _sent(request: Request) -> dict[str, Any]:
    """The JSON that a request carried."""
    return dict(request.post_data_json or {})


async def test_a_shift_by_keys_alone() -> None:
    async with show(4, "--duty") as address, opened(address) as page:
        await expect(page.locator("#tab-duty .badge")).to_have_text("5")
        await expect(page.locator("#tab-home .badge")).to_have_text("2")
        assert (await page.title()).startswith("(5) ")
        await page.keyboard.press("d")
        await on_duty(page, address)
        detail = page.locator(".detail")
        await expect(detail.locator(".checks")).to_contain_text("首选")
        assert await press(page, "Enter") == {"action": "approve", "question": "d2", "status": 200}
        await expect(page.locator(".queue > li[data-key]")).to_have_count(4)
        await expect(page.locator("#tab-duty .badge")).to_have_text("4")
        await expect(page.locator(".log")).to_contain_text("通过")
        await expect(detail.locator(".question")).to_have_text("不是39吗")
        await expect(detail.locator(".warn")).to_contain_text("刚变了")
        assert (await press(page, "x"))["action"] == "reject"
        await expect(detail.locator(".question")).to_have_text("洁面多少钱呀，用券以后到手多少")

        await page.keyboard.press("e")
        field = detail.locator(".own textarea")
        await expect(field).to_have_value("洁面直播间价59元，领10元券，到手49元。")
        await field.fill("这是全网第一的洁面")
        await page.keyboard.press("Enter")
        wrong = detail.locator(".own .problem")
        await expect(wrong).to_contain_text("话术未过审：全网第一")
        assert not re.search("[A-Za-z]", await wrong.inner_text())
        await field.fill("首选这一支，到手49元")
        await page.keyboard.press("Enter")
        await expect(wrong).to_contain_text("审核提醒")
        await expect(page.locator(".toast[data-problem]")).to_have_count(0)
        async with page.expect_request(lambda request: request.url.endswith("/duty")) as asked:
            await page.keyboard.press("Enter")
        sent = _sent(await asked.value)
        assert sent["confirmed"] and sent["way"] == "spoken" and sent["question"] == "d1"
        await expect(page.locator(".queue > li[data-key]")).to_have_count(2)
        await expect(detail.locator(".blocked")).to_contain_text("治疗失眠")

        await page.keyboard.press("m")
        await page.locator("dialog select").select_option("60")
        async with page.expect_request("**/mutes") as asked:
            await page.locator("dialog button[type=submit]").click()
        assert (await asked.value).post_data_json == {"who": "老李", "minutes": 60}
        await expect(page.locator(".queue > li[data-key]")).to_have_count(1)
        assert (await press(page, "x"))["question"] == "d3"
        await expect(page.locator(".queue")).to_contain_text("没有等你决定的")
        await expect(page.locator("#tab-duty .badge")).to_be_empty()


ENTER_AS_IT_COMES = """() => {
  const about = () => document.querySelector(".detail .question")?.textContent;
  const first = about();
  new MutationObserver((_, observer) => {
    if (about() === first) return;
    observer.disconnect();
    for (let n = 0; n < 2; n += 1) document.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    document.body.dataset.pressed = document.querySelector(".duty").dataset.read;
  }).observe(document.querySelector(".detail"), { childList: true, subtree: true, characterData: true });
}"""


async def test_what_comes_by_itself_is_not_decided_before_it_can_be_read() -> None:
    """Enter is pressed in the very moment in which the next question comes to the front."""
    async with show(4, "--duty") as address, opened(address) as page:
        await on_duty(page, address)
        decided: list[str] = []
        page.on(
            "request",
            lambda one: (
                decided.append(one.url) if one.url.endswith("/duty") and one.method == "POST" else None
            ),
        )
        await page.evaluate(ENTER_AS_IT_COMES)
        assert (await press(page, "Enter"))["question"] == "d2"
        await expect(page.locator("body")).to_have_attribute("data-pressed", "no")  # not read by then
        await expect(page.locator(".duty")).to_have_attribute("data-read", "yes")
        assert len(decided) == 1
        await expect(page.locator(".queue > li[data-key]")).to_have_count(4)
        assert (await press(page, "Enter"))["question"] == "d5"
        assert len(decided) == 2


async def test_every_fact_has_a_name_that_can_be_read() -> None:
    """Whatever an answer rests on, its field is told in Chinese, and in English words."""
    product = Catalog.parse({"products": [SOAP]}).products[0]
    fields = [
        *_fields(product),
        *(f"shop.{one}" for one in Shop.model_fields),
        "coupon.until",
        "category",
        "gifts.counted",
    ]
    fields += [
        "total.2",
        "total.3:大瓶",
        "total_after_coupon.2",
        "faq_book.e17",
        ASKED_LINK,
        *Product.model_fields,
    ]
    fields = [one for one in fields if one not in UNSAID]
    async with show(4, "--duty") as address, opened(address) as page:
        await on_duty(page, address)
        named = """async (fields) => {
          const { factName } = await import("/console/facts.js");
          return Object.fromEntries(fields.map((one) => [one, factName(one)]));
        }"""
        told = await page.evaluate(named, fields)
        assert [one for one, name in told.items() if not re.search("[一-鿿]", name) or "_" in name] == []
        assert told["price.大瓶"] == "直播间价 · 大瓶" and told["total.3:大瓶"] == "3 件合计 · 大瓶"
        await expect(page.locator(".facts dt")).to_have_text(["适用"])
        await page.evaluate("localStorage.setItem('livehost.language', 'en')")
        await page.reload()
        told = await page.evaluate(named, fields)
        assert [one for one, name in told.items() if re.search("[_.]|^[a-z]", name)] == []
        assert told["total.2"] == "Total, 2 pieces"


async def test_rooms_are_led_filtered_and_taken_over() -> None:
    async with show(4, "--duty") as address, opened(address) as page:
        await on_duty(page, address)
        lane = page.locator(".lane", has_text="居家好物")
        await page.keyboard.press("3")
        await expect(page.locator(".queue > li[data-key]")).to_have_count(2)
        await page.keyboard.press("0")
        await expect(page.locator(".queue > li[data-key]")).to_have_count(5)
        await lane.locator("button", has_text="审核").click()
        await expect(lane.locator("button", has_text="审核")).to_have_attribute("aria-pressed", "true")
        await lane.locator("button", has_text="接管").click()
        await page.locator("dialog button[type=submit]").click()
        await expect(lane).to_contain_text("已接管")
        await expect(lane.locator(".segments [aria-pressed=true]")).to_have_count(0)
        await lane.locator("button", has_text="交还主播").click()
        await expect(lane.locator(".take")).to_have_text("接管")
        async with httpx.AsyncClient(base_url=address, headers=LATER) as other:
            room = (await other.get("/v1/rooms/home")).json()
            assert room["mode"] == "review" and room["duty"]["people"][0]["name"].startswith("duty-")


async def test_what_sets_a_room_apart_from_its_mode_is_told_in_words() -> None:
    """Cut, taken over, paused, left alone and what it does then: no state is told by a colour alone."""
    apart: dict[str, dict[str, Any]] = {
        "skincare": {"cut": True},
        "tea": {"mode": "paused"},
        "home": {"taken_by": "李雷"},
    }

    async def rooms(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        for room in told["items"]:
            more = apart.get(room["id"], {"unattended": True, "policy": "script_only"})
            room["life"] = "on_air"
            room |= {key: value for key, value in more.items() if key in room}
            room["duty"] |= {key: value for key, value in more.items() if key in room["duty"]}
        await route.fulfill(response=answer, json=told)

    async with show(4, "--duty") as address, opened(address) as page:
        await page.route("**/v1/rooms*", rooms)
        await on_duty(page, address)
        await page.reload()
        for lane, words in enumerate(("已切断", "暂停", "李雷 已接管", "无人值守 · 只念稿")):
            await expect(page.locator(".lane").nth(lane).locator(".spoken")).to_contain_text(words)


async def test_what_waits_first_comes_to_the_front_unless_somebody_is_at_another() -> None:
    """A held answer that comes while an old hand-over is in front, and while one is being written."""

    def later(ident: str, asked: str) -> dict[str, Any]:
        return {**first, "id": ident, "text": asked, "at": "2020-01-01T00:00:00+00:00"}

    async with show(4, "--duty") as address, opened(address) as page:
        await on_duty(page, address)
        told = (await (await page.request.get(f"{address}/v1/duty/queue")).json())["items"]
        first = next(one for one in told if one["state"] == "held")
        waiting = [one for one in told if one["state"] == "handed_over"]
        await page.route(
            "**/v1/duty/queue*", lambda route: route.fulfill(json={"items": waiting, "next": None})
        )
        front = page.locator(".detail .question")
        await expect(front).to_have_text(waiting[0]["text"])
        waiting.insert(0, later("n1", "新的一条"))
        await expect(front).to_have_text("新的一条")
        await expect(page.locator(".detail .meta .left")).to_contain_text("剩")
        await page.keyboard.press("a")
        waiting.insert(0, later("n2", "又来一条"))
        await expect(page.locator(".queue > li[data-key]")).to_have_count(len(waiting))
        await expect(front).to_have_text("新的一条")
        await page.keyboard.press("Escape")
        await expect(front).to_have_text("又来一条")
        await page.locator(".queue > li[data-key]").nth(2).click()
        waiting.insert(0, later("n3", "第三条"))
        await expect(page.locator(".queue > li[data-key]")).to_have_count(len(waiting))
        await expect(front).to_have_text(waiting[3]["text"])


async def test_what_another_person_decides_goes_from_every_page() -> None:
    async with show(4, "--duty") as address, opened(address) as page:
        await on_duty(page, address)
        async with httpx.AsyncClient(base_url=address, headers=LATER) as other:
            decision = {"action": "approve", "question": "d2"}
            assert (await other.post("/v1/rooms/skincare/duty", json=decision)).status_code == 200
            await expect(page.locator(".queue > li[data-key]")).to_have_count(4)
            assert (await other.post("/v1/rooms/skincare/duty", json=decision)).status_code == 404


async def test_an_answer_is_kept_for_the_next_who_asks() -> None:
    async with show(4, "--duty") as address, opened(address) as page:
        await on_duty(page, address)
        await page.route("**/v1/faq/from-question/**", lambda route: route.fulfill(status=201, json={}))
        await page.keyboard.press("f")
        await expect(page.locator("dialog textarea")).to_have_value(
            "敏感肌首选温和的氨基酸表活，先在耳后试一下。"
        )
        await page.fill("dialog textarea", "敏感肌先在耳后试一下")
        async with page.expect_request("**/from-question/skincare/d2") as asked:
            await page.locator("dialog button[type=submit]").click()
        assert (await asked.value).post_data_json == {
            "answers": ["敏感肌先在耳后试一下"], "scope": "product:cleanser-01", "confirmed": False,
        }  # fmt: skip
        await expect(page.locator("dialog")).to_have_count(0)
        await page.keyboard.press("f")
        await page.locator("dialog select").select_option("shop")
        async with page.expect_request("**/from-question/skincare/d2") as asked:
            await page.locator("dialog button[type=submit]").click()
        assert _sent(await asked.value)["scope"] == "shop"


async def test_a_wrong_answer_is_put_right_from_the_room() -> None:
    async with show(4, "--duty") as address, opened(address, "skincare") as page:
        await page.locator(".questions .wrong").first.click()
        await page.fill("dialog textarea", "更正一下，首选洁面再上精华")
        await page.locator("dialog button[type=submit]").click()
        await expect(page.locator("#toasts")).to_contain_text("已更正")


async def test_a_fault_is_noted_once_and_nothing_is_said() -> None:
    async with show(4, "--duty") as address, opened(address, "skincare") as page:
        sent: list[str] = []
        page.on(
            "request", lambda one: sent.append(one.url.rsplit("/", 1)[1]) if one.method == "POST" else None
        )
        wrong = page.locator(".questions .wrong").first
        await wrong.click()
        await page.fill("dialog textarea", "说错了门槛")
        await page.locator("dialog [type=checkbox]").check()
        await expect(page.locator("dialog button[type=submit]")).to_have_text("记下")
        async with page.expect_request("**/complaints") as noted:
            await page.locator("dialog button[type=submit]").click()
        assert (await noted.value).post_data_json == {"about": "q1", "why": "说错了门槛"}
        await expect(page.locator("#toasts")).to_contain_text("已记下")
        await wrong.click()
        await expect(page.locator("dialog [type=checkbox]")).to_be_disabled()
        await page.fill("dialog textarea", "更正一下，满59元可用")
        await page.locator("dialog button[type=submit]").click()
        await expect(page.locator("#toasts")).to_contain_text("已更正")
        assert [one for one in sent if one != "heartbeat"] == ["complaints", "duty"]


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (1920, 1080), (390, 844)])
async def test_the_duty_page_fits(width: int, height: int) -> None:
    async with show(4, "--duty") as address, opened(address, width=width, height=height) as page:
        await on_duty(page, address)
        for language in ("zh", "en"):
            await page.evaluate(f"localStorage.setItem('livehost.language', '{language}')")
            await page.reload()
            await expect(page.locator(".queue > li[data-key]")).to_have_count(5)
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            deeds = [
                await found.bounding_box() for found in await page.locator(".detail .deeds button").all()
            ]
            for box in deeds:
                assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
                assert box["y"] + box["height"] <= height
            if width > 720:
                assert len({box["y"] for box in deeds if box}) == 1  # all in one row
                lanes = [await found.bounding_box() for found in await page.locator(".lane").all()]
                assert all(box and box["height"] < 120 for box in lanes)
                picture = await page.locator(".scene .look").bounding_box()
                assert picture and picture["height"] >= 140


async def test_a_doubted_insert_is_kept_and_said_once_it_is_sent_again() -> None:
    """Changing the line asks anew."""
    sent: list[dict[str, Any]] = []

    async def review(route: Route) -> None:
        sent.append(_sent(route.request))
        if sent[-1]["confirmed"]:
            await route.fulfill(json={"id": "l1", "phrases": [sent[-1]["text"]], "verdict": "review"})
        else:
            problem = {"title": "请再确认：首选 / please confirm: 首选", "status": 409, "confirm": True}
            await route.fulfill(status=409, json=problem, content_type="application/problem+json")

    async with show(4, "--duty") as address, opened(address) as page:
        await page.route("**/say", review)
        await on_duty(page, address)
        line = page.locator(".scene textarea")
        await line.fill("敏感肌首选这一支")
        for text in ("敏感肌首选这一支", "油皮首选这一支"):
            await line.fill(text)
            await page.evaluate("document.querySelector('#toasts').replaceChildren()")  # of the doubt before
            await line.press("Enter")
            await expect(page.locator("#toasts")).to_contain_text("再按一次回车")
            await expect(line).to_have_value(text)
        await line.press("Enter")
        await expect(line).to_have_value("")
        assert [(one["text"][:2], one["confirmed"]) for one in sent] == [
            ("敏感", False), ("油皮", False), ("油皮", True),
        ]  # fmt: skip
