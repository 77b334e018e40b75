"""The book of answers in a real Chromium: added, refused with its reason, pasted, and from a question."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.test_console import CHROMIUM, opened, show
from tests.fakes import TOKENS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]


async def test_answers_are_written_pasted_and_made_from_what_nobody_answered() -> None:
    async with show(4) as address, opened(address) as page:
        await page.locator(".faq-open").click()
        book = page.locator("dialog.faq")
        await expect(book.locator(".none")).to_be_visible()

        await book.get_by_role("button", name="添加").click()
        form = page.locator("dialog.faq-edit")
        await form.locator("[name=keywords]").fill("几点+下播\n什么时候+下播")
        await form.locator("[name=answers]").fill("今晚播到很晚\n全网第一，别急")
        await form.get_by_role("button", name="保存").click()
        await expect(form.locator(".faq-errors mark").first).to_contain_text("第一")
        await form.locator("[name=answers]").fill("今晚播到很晚\n偏远地区的运费另加8元")
        await form.get_by_role("button", name="保存").click()
        await form.get_by_role("button", name="确认保存").click()
        await expect(book.locator(".faq-list > li")).to_have_count(1)
        await expect(book.locator(".faq-list > li")).to_contain_text("几点+下播")

        await book.get_by_role("button", name="批量粘贴").click()
        await form.locator("textarea").fill("门店 => 我们是线上店\n真的吗 => 全网第一\n没有箭头")
        await form.get_by_role("button", name="先看看").click()
        rows = form.locator(".faq-rows > li")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(1).locator("mark")).to_contain_text("第一")
        await expect(rows.nth(2)).to_contain_text("=>")
        await form.get_by_role("button", name="保存 1 条").click()
        await expect(book.locator(".faq-list > li")).to_have_count(2)
        await book.locator("input[type=search]").fill("线上店")
        await expect(book.locator(".faq-list > li")).to_have_count(1)
        await book.locator("input[type=search]").fill("")

        await book.get_by_role("button", name="没答上的").click()
        asked = book.locator(".faq-list > li", has_text="孕妇可以用吗").first
        await asked.get_by_role("button", name="写成一条").click()
        await form.locator("[name=answers]").fill("孕期请先问过医生再用")
        await form.get_by_role("button", name="保存").click()
        await expect(form).to_have_count(0)
        await expect(book.locator(".faq-list > li", has_text="孕妇可以用吗")).to_have_count(0)

        headers = {"Authorization": f"Bearer {TOKENS['viewer']}"}
        async with httpx.AsyncClient(base_url=address, headers=headers) as client:
            items = (await client.get("/v1/faq")).json()["items"]
        assert [one["questions"] for one in items][-1] == ["孕妇可以用吗"]
        assert items[0]["keywords"] == [["几点", "下播"], ["什么时候", "下播"]]

        await book.get_by_role("button", name="问答", exact=True).click()
        await book.locator(".faq-list > li").first.get_by_role("button", name="删除").click()
        await page.locator("dialog").last.get_by_role("button", name="确定").click()
        await expect(book.locator(".faq-list > li")).to_have_count(2)
