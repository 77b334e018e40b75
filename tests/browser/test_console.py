"""The operators' page in a real Chromium, over a made-up show."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from tests.conftest import ROOT, free_port
from tests.fakes import TOKENS

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]
ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PICTURE = """(() => {
  const video = document.querySelector("video"), ranges = video.buffered, last = ranges.length - 1;
  return {
    at: video.currentTime, behind: last < 0 ? 99 : ranges.end(last) - video.currentTime,
    width: video.videoWidth, muted: video.muted, covered: !document.querySelector(".cover").hidden,
  };
})()"""


@asynccontextmanager
async def show(movie_s: int, *more: str) -> AsyncIterator[str]:
    """A made-up show in a process of its own; its address."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.browser.fake_show", str(port), "--movie-s", str(movie_s), *more,
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"{address}/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield address
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def opened(address: str, room: str = "", width: int = 1440, height: int = 900) -> AsyncIterator[Page]:
    """The page, signed in by the printed address."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        page = await browser.new_page(viewport={"width": width, "height": height})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if "Content Security" in told.text else None)
        await page.goto(f"{address}/#token={TOKENS['duty']}")
        await page.wait_for_selector("main")
        if room:
            await page.goto(f"{address}/#room={room}")
            await page.wait_for_selector(".focus")
        yield page
        assert faults == []
        await browser.close()


async def until(
    page: Page, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 20
) -> dict[str, Any]:
    """The picture's state once it is as wanted (the page's policy forbids waiting inside it)."""
    async with asyncio.timeout(timeout_s):
        while not wanted(picture := await page.evaluate(PICTURE)):
            await asyncio.sleep(0.1)
    return dict(picture)


async def test_the_live_picture_plays_near_the_edge_and_comes_back() -> None:
    async with show(movie_s=6) as address, opened(address, "skincare") as page:
        picture = await until(page, lambda now: now["at"] > 1 and not now["covered"])
        assert picture["behind"] < 3 and picture["width"] == 360 and picture["muted"]
        await page.click(".sound")
        assert not (await page.evaluate(PICTURE))["muted"]
        await until(page, lambda now: now["covered"])
        await until(page, lambda now: now["at"] > 0.5 and now["behind"] < 3 and not now["covered"])


async def test_an_operator_sees_and_mends_at_a_glance() -> None:
    async with show(movie_s=20) as address, opened(address, "skincare") as page:
        assert "token" not in page.url
        (cookie,) = await page.context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
        await expect(page.locator(".sentence")).to_contain_text("快手推流码已失效，请取新码后点【换码】")
        await expect(page.locator(".now")).not_to_be_empty()
        await expect(page.locator(".questions")).to_contain_text("转人工")
        await page.click(".outputs button.danger")
        await page.fill("dialog input[name=key]", "brand-new-key")
        async with page.expect_response(lambda r: r.request.method == "PUT") as put:
            await page.click("dialog button[type=submit]")
        assert (await put.value).status == 200
        assert "brand-new-key" not in await page.content()
        await page.click("tbody tr:nth-child(3)")
        await page.fill("dialog input[name=price]", "55")
        await expect(page.locator(".pays")).to_contain_text("45")
        await page.click("dialog button[type=submit]")
        await expect(page.locator("tbody tr:nth-child(3) .pay")).to_have_text("¥45")
        await page.fill("form.ask input", "能发顺丰吗")
        await page.click("form.ask button")
        await expect(page.locator(".questions")).to_contain_text("能发顺丰吗")
        await page.fill("textarea", "今天包邮")
        await page.click(".take-over button")
        await expect(page.locator("#toasts")).to_contain_text("今天包邮")


async def test_where_viewers_messages_come_from() -> None:
    async with show(movie_s=4) as address, opened(address, "skincare") as page:
        rows = page.locator(".sources > li")
        await expect(rows).to_have_count(4)
        await expect(rows.nth(3)).to_contain_text("自己的程序（webhook）")
        await expect(rows.nth(0)).to_contain_text("抖音官方推送")
        await expect(rows.nth(0)).to_contain_text("1834 条")
        await expect(rows.nth(1)).to_contain_text("未连接")
        await expect(rows.nth(2).locator(".mend")).not_to_be_empty()
        await page.goto(f"{address}/#room=tea")
        await expect(page.locator(".stage h1")).to_have_text("茶与养生")
        await expect(page.locator(".sources")).to_be_hidden()


async def test_the_goods_that_are_marked_are_those_on_the_picture() -> None:
    """While an answer shows another card, or none, the script's product is not marked."""
    card: str | None = "cream-02"

    async def rooms(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        told["items"][0]["now"] = {"id": "a", "kind": "answer", "text": "九十九元", "card": card}
        await route.fulfill(response=answer, json=told)

    async with show(movie_s=4) as address, opened(address, "skincare") as page:
        marked = page.locator(".products tr[data-on=yes]")
        await expect(marked).to_contain_text("氨基酸洁面乳")
        await page.route("**/v1/rooms?*", rooms)
        await expect(marked).to_contain_text("神经酰胺面霜")
        card = None
        await expect(marked).to_have_count(0, timeout=10_000)


async def test_the_red_button_cuts_also_when_the_api_is_silent() -> None:
    async with show(movie_s=20) as address, opened(address, "skincare") as page:
        await page.click(".switches .cut")
        await expect(page.locator(".switches .cut")).to_have_text("恢复画面")
        await expect(page.locator(".stage .verdict")).to_contain_text("已切断")
        await page.click(".switches .cut")
        await expect(page.locator(".switches .cut")).to_have_text("立即切断")
        pressed: list[str] = []

        async def red(route: Route) -> None:
            pressed.append(route.request.url)
            await route.fulfill(
                json={"cut": True},
                headers={"access-control-allow-origin": address, "access-control-allow-credentials": "true"},
            )

        await page.route("**/v1/rooms/*/control", lambda route: route.abort())
        await page.route("http://127.0.0.1:8081/**", red)
        await page.click(".switches .cut")
        await expect(page.locator("#toasts")).to_contain_text("红色按钮")
        assert pressed == ["http://127.0.0.1:8081/v1/rooms/skincare/cut"]


async def test_the_timetable_is_changed_in_the_page() -> None:
    async with show(movie_s=4) as address, opened(address, "tea") as page:
        lines = page.locator(".slots li")
        await page.locator(".timetable button", has_text="排班").last.click()
        await expect(lines).to_have_count(4)
        await page.locator("dialog button[type=submit]").click()
        form = page.locator("dialog").last
        await form.locator("input[name=at]").fill("12:00")
        await form.locator("input[name=hours]").fill("1")
        await form.locator("select[name=persona]").select_option("laochen")
        await form.locator("button[type=submit]").click()
        await expect(lines).to_have_count(5)
        await expect(lines.nth(2)).to_contain_text("陈叔")
        await lines.nth(2).locator("button", has_text="删除").click()
        await page.locator("dialog").last.locator("button.danger").click()
        await expect(lines).to_have_count(4)


async def test_a_persona_and_her_models_are_seen_staged_and_switched() -> None:
    async with show(movie_s=4) as address, opened(address, "skincare") as page:
        panel = page.locator(".wearing")
        await expect(panel.locator(".engine")).to_have_count(2)
        await expect(panel).to_contain_text("2/8 槽")
        await expect(panel.locator('.chip[data-state="ready"]')).to_have_count(6)
        await panel.locator("button", has_text="适配器").click()
        rows = page.locator(".adapters > li")
        await expect(rows).to_have_count(5)
        await expect(rows.nth(1)).to_contain_text("还有 12 天")
        await expect(rows.nth(4)).to_contain_text("没有授权")
        await rows.nth(1).locator("button", has_text="装入").click()
        await expect(rows.nth(1)).to_contain_text("已装入")
        await rows.nth(4).locator("button", has_text="装入").click()
        await expect(page.locator("#toasts")).to_contain_text("不能用")
        await expect(page.locator("dialog .actions button")).to_have_text(["关闭"])
        await page.locator("dialog .actions button").click()
        await panel.locator("button", has_text="换人").click()
        await page.locator("dialog select[name=persona]").select_option("laochen")
        await expect(page.locator("dialog select[name=language] option")).to_have_count(2)
        await page.locator("dialog select[name=language]").select_option("1")
        await expect(page.locator("dialog select[name=rundown] option").first).to_have_text("按排班/默认")
        rundown = await page.locator("dialog select[name=rundown] option").nth(1).text_content()
        await page.locator("dialog select[name=rundown]").select_option(rundown)
        async with page.expect_request("**/switch") as asked:
            await page.locator("dialog button[type=submit]").click()
        sent = (await asked.value).post_data_json
        assert sent == {
            "persona": "laochen", "rundown": rundown, "adapters": {"language": "1", "visual": None},
        }  # fmt: skip
        await expect(page.locator("#toasts")).to_contain_text("陈叔")
        await page.goto(f"{address}/#room=home")
        await expect(panel.locator(".why")).to_contain_text("造型")
        await expect(page.locator(".outputs:not(.sources)")).to_contain_text(
            "原因：RTMP: connection reset by peer"
        )


async def test_adapters_are_promoted_rolled_back_and_retired_by_hand() -> None:
    async with show(4, "--versions") as address, opened(address, "skincare") as page:
        await page.locator(".wearing button", has_text="适配器").click()
        first, second = (page.locator(".adapters > li", has_text=f"laochen.language.{n}") for n in (1, 2))
        await expect(first.locator(".chip")).to_have_text("正式版")
        await expect(second).to_contain_text("facts_copied 0.75")
        await second.locator("button", has_text="定为正式版").click()
        await page.locator("dialog").last.locator("button[type=submit]").click()
        refused = page.locator("dialog").last.locator(".problem")
        await expect(refused).to_contain_text("事实照抄率变差：0.9583 → 0.75")
        await page.locator("dialog").last.locator("button", has_text="取消").click()
        third = page.locator(".adapters > li", has_text="laochen.language.3")
        await third.locator("button", has_text="定为正式版").click()
        await page.locator("dialog").last.locator("button[type=submit]").click()
        await expect(third.locator(".chip")).to_have_text("正式版")
        await third.locator("button", has_text="回退到 1").click()
        await page.locator("dialog").last.locator("button[type=submit]").click()
        await expect(first.locator(".chip")).to_have_text("正式版")
        await third.locator("button", has_text="停用").click()
        await page.locator("dialog").last.locator("button[type=submit]").click()
        await expect(third).to_contain_text("已停用")
        await expect(third.locator("button", has_text="定为正式版")).to_have_count(0)


async def test_nobody_is_put_on_from_the_timetable_in_the_same_dialog() -> None:
    async with show(movie_s=4) as address, opened(address, "tea") as page:
        await page.locator(".timetable button", has_text="换人").click()
        await page.locator("dialog select[name=persona]").select_option("")
        await expect(page.locator("dialog select[name=language]")).to_be_disabled()
        await page.locator("dialog select[name=minutes]").select_option("60")
        async with page.expect_response("**/override") as put:
            await page.locator("dialog button[type=submit]").click()
        assert (await put.value).status == 200
        await page.locator(".timetable button", has_text="恢复排班").click()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1366, 768)])
async def test_an_adapter_refused_at_length_is_one_line_and_moves_nothing(width: int, height: int) -> None:
    screen = "JSON.stringify(document.querySelector('.screen').getBoundingClientRect())"
    async with show(4) as address, opened(address, "tea", width, height) as page:
        await expect(page.locator(".stage .says")).to_have_text("全部正常")
        well = await page.evaluate(screen)
    async with show(4, "--refused") as address, opened(address, "tea", width, height) as page:
        says = page.locator(".stage .says")
        await expect(says).to_have_text("小棠 上不了播：语言适配器不能用")
        await expect(page.locator(".sentence")).to_contain_text("10 处要处理")
        assert len((await (await page.request.get(f"{address}/v1/alarms")).json())["items"]) == 10
        assert await page.evaluate(screen) == well
        await expect(page.locator(".who.next")).to_contain_text("小棠 · 准备失败")
        cut_short = "(e) => e.scrollWidth > e.clientWidth || e.getBoundingClientRect().bottom > innerHeight"
        for part in (".who.next", ".models .line", ".models .state", ".take-over", ".cut"):
            for found in await page.locator(part).all():
                assert not await found.evaluate(cut_short), part
        await page.locator(".verdict button").click()
        await expect(page.locator("dialog pre").first).to_contain_text("layers.14.")
        await page.locator("dialog button").click()
        await page.goto(f"{address}/#wall")
        await expect(page.locator(".tile .says").nth(3)).to_have_text("小棠 上不了播：语言适配器不能用")
        for found in await page.locator(".tile .cut").all():
            assert not await found.evaluate(cut_short)
            spot, tile = await found.bounding_box(), await found.locator("xpath=../..").bounding_box()
            assert spot and tile and abs(spot["x"] * 2 + spot["width"] - tile["x"] * 2 - tile["width"]) < 2


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1920, 1080), (390, 844)])
async def test_every_room_is_on_the_wall_and_nothing_sticks_out(width: int, height: int) -> None:
    async with show(movie_s=4) as address, opened(address, width=width, height=height) as page:
        tiles = page.locator(".tile")
        await expect(tiles).to_have_count(4)
        levels = [await tiles.nth(n).get_attribute("data-level") for n in range(4)]
        assert levels == ["act", "well", "care", "rest"]
        for place in ("#wall", "#room=skincare"):
            await page.goto(f"{address}/{place}")
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0
