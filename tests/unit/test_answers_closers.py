"""A sales closer follows a plain, positive answer and nothing else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from livehost.answers import answer
from livehost.answers.words import DISCLOSE, HANDOVER, STAY, closable
from livehost.catalog import Catalog
from livehost.settings import Style

CATALOG = Catalog.load(Path(__file__).parents[1] / "data" / "catalog.yaml")
NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
CLOSERS = ("放心拍就好", "喜欢就先点个关注呀")
STYLE = Style(self_name="小棠", address=("姐妹们",), closers=CLOSERS)


def said(question: str, on_air: str) -> list[str]:
    """Every wording that comes round."""
    return [
        answer(question, catalog=CATALOG, on_air=on_air, now=NOW, style=STYLE, seed=seed).text
        for seed in range(12)
    ]


@pytest.mark.parametrize(
    ("question", "on_air"),
    [
        ("敏感肌能用面霜不", "cleanser-01"),
        ("这个有糖尿病能吃吗", "melatonin-06"),
        ("孕妇能用吗", "cleanser-01"),
        ("过敏了怎么办", "mask-03"),
        ("你是真人吗", "cleanser-01"),
        ("加个微信呗", "cleanser-01"),
        ("这款包邮吗", "tea-08"),
        ("防晒有货吗", "sunscreen-04"),
        ("哪个国家产的", "serum-02"),
        ("能代替安眠药吗", "melatonin-06"),
    ],
)
def test_none_follows_what_hands_over_refuses_denies_or_speaks_of_health(question: str, on_air: str) -> None:
    texts = said(question, on_air)
    assert all(texts) and not any(closer in text for text in texts for closer in CLOSERS)


@pytest.mark.parametrize(
    ("question", "on_air"),
    [("这款多少钱", "cleanser-01"), ("包邮吗", "cleanser-01"), ("支持七天无理由吗", "serum-02")],
)
def test_one_follows_a_plain_answer_now_and_then(question: str, on_air: str) -> None:
    texts = said(question, on_air)
    assert any(closer in text for text in texts for closer in CLOSERS)


def test_no_fixed_words_take_one() -> None:
    assert not any(closable(text) for table in (HANDOVER, STAY, DISCLOSE) for text in table["zh"])
