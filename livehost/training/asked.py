"""Random questions about a random product: several wants, slang, slips, calls and clutter."""

from __future__ import annotations

import random
from functools import cache
from importlib.resources import files

import yaml

from livehost.catalog import Product

_BEFORE = (
    "主播",
    "姐",
    "亲",
    "请问",
    "那个",
    "想问下",
    "老板",
    "哈喽",
    "问一下",
    "宝",
    "@主播 ",
    "小姐姐",
    "你好",
)
_AFTER = (
    "啊",
    "呀",
    "呢",
    "？",
    "？？",
    "!",
    "主播",
    "谢谢",
    "😊",
    "🙏",
    "哈",
    "哦",
    "急",
    "。",
    "…",
    "嘛",
    "亲",
    "~",
    "[玫瑰]",
)
_JOINTS = ("，", " ", "？", "，还有", "。", "？ ", " 另外")
_SLIPS = (
    ("链接", "练接"),
    ("多少钱", "多钱"),
    ("多少钱", "多少米"),
    ("吗", "嘛"),
    ("吗", "不"),
    ("吗", "么"),
    ("吗", "吗"),
    ("什么", "啥"),
    ("怎么", "咋"),
    ("包邮", "包油"),
    ("运费险", "运费线"),
    ("有货", "you货"),
    ("能", "可以"),
    ("这个", "介个"),
    ("是不是", "是不"),
    ("什么时候", "啥时候"),
    ("多久", "多长时间"),
)


@cache
def _templates() -> dict[str, tuple[str, ...]]:
    text = files("livehost.training").joinpath("questions.yaml").read_text(encoding="utf-8")
    return {name: tuple(map(str, rows)) for name, rows in yaml.safe_load(text).items()}


def wants() -> tuple[str, ...]:
    """What can be asked for."""
    return tuple(_templates())


def question(product: Product, rng: random.Random, *, want: str | None = None) -> str:
    """A viewer's line about a product, of one to three wants."""
    table = _templates()
    names = [want or rng.choice(wants())]
    if rng.random() < 0.28:
        names += rng.sample(wants(), rng.choice((1, 1, 2)))
    parts = [_one(rng.choice(table[n]), product, rng, first=i == 0) for i, n in enumerate(names)]
    if product.faq and rng.random() < 0.12:
        parts[-1] = rng.choice(product.faq[rng.randrange(len(product.faq))].q)
    line = rng.choice(_JOINTS).join(parts)
    for old, new in rng.sample(_SLIPS, 3):
        if rng.random() < 0.35:
            line = line.replace(old, new)
    if rng.random() < 0.2:
        line = rng.choice(_BEFORE) + line
    if rng.random() < 0.55:
        line += rng.choice(_AFTER)
    return line


def _one(template: str, product: Product, rng: random.Random, *, first: bool) -> str:
    called = rng.choice(("", "", "这个", "这款", f"{product.link}号", product.name, *product.aliases))
    if not first:
        called = ""
    values = [
        *(product.ingredients or ()),
        *(product.free_of or ()),
        *(product.suitable_for or ()),
        *(product.not_for or ()),
        *(s.name for s in product.specs or ()),
    ]
    value = rng.choice(values) if values else "这个"
    return template.replace("P", called, 1).replace("I", value)
