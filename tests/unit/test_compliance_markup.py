"""Markup does not hide a banned word: what is spoken of it is what is judged."""

from __future__ import annotations

import pytest

from livehost.compliance import review


@pytest.mark.parametrize("text", ["<b>全网</b>第一", "&#20840;网第一", "全<i>网</i>第<br>一"])
def test_a_banned_word_in_markup_is_blocked(text: str) -> None:
    assert review(text).verdict == "block"


def test_a_less_than_sign_is_no_markup() -> None:
    assert review("温度<30度时使用").verdict == "pass"
