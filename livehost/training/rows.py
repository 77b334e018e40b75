"""Rows to train on: what the deterministic path says of random goods, and the same in other words."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from livehost.answers import answer
from livehost.answers.numbers import unfounded
from livehost.catalog import TZ_CHINA, Catalog, Product
from livehost.compliance.review import review
from livehost.rundown import fill
from livehost.training.asked import question, wants
from livehost.training.goods import Goods
from livehost.training.slots import of_catalog
from livehost.training.wording import script_worded, ways, worded
from services.training.language_slots import Slot, slotted, unslotted
from services.training.language_values import common_characters

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=TZ_CHINA)
SCRIPT_SHARE = 0.14
# Asked of every product once more: where a lost "not" weighs most.
WEIGHTY = ("suitable", "contains", "minors", "pregnancy", "region", "returns", "free_shipping")
_NAMES = (
    ("小青", "朋友们"),
    ("阿宁", "大家"),
    ("老周", "各位"),
    ("棠棠", "姐妹们"),
    ("云姐", "各位朋友"),
    ("竹娘子", "诸位"),
)


def write_rows(path: Path, *, count: int, seed: int, rundowns: Path | None = None) -> int:
    """Write a header and `count` rows as gzipped JSON lines; returns how many were written."""
    goods = Goods(seed)
    written = 0
    pools: dict[str, set[str]] = {}
    rows: list[dict[str, Any]] = []
    for row in _rows(goods, rundowns):
        rows.append(row)
        for kind, value in row["v"]:
            if len(pools.setdefault(kind, set())) < 6000 and len(value) <= 90:
                pools[kind].add(value)
        written += 1
        if written >= count:
            break
    header = {
        "pools": {kind: sorted(values) for kind, values in pools.items()},
        "words": list(goods.words),
        "characters": common_characters(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        for entry in (header, *rows):
            file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
    return written


def _rows(goods: Goods, rundowns: Path | None) -> Iterator[dict[str, Any]]:
    rng = goods.rng
    scripts = _script_wordings(rundowns)
    while True:
        catalog = goods.catalog()
        values = of_catalog(catalog)
        for product in catalog.products:
            for want in (*rng.sample(wants(), 9), rng.choice(WEIGHTY)):
                if rng.random() < SCRIPT_SHARE:
                    row = _script_row(rng.choice(scripts), product, catalog, values, rng)
                else:
                    row = _answer_row(question(product, rng, want=want), product, catalog, values, rng)
                if row is not None:
                    yield row


def _answer_row(
    line: str, product: Product, catalog: Catalog, values: dict[str, str], rng: random.Random
) -> dict[str, Any] | None:
    got = answer(line, catalog=catalog, on_air=product.id, now=NOW, seed=rng.randrange(6))
    if got.act not in ("answer", "handover", "disclose") or (got.act == "handover" and rng.random() < 0.6):
        return None
    core = got.text.rstrip("。")
    about = catalog.get(got.product)
    slot_core, slot_line, slots = slotted(core, line, values)
    targets = {}
    for name, way in ways().items():
        target = worded(slot_core, question=slot_line, way=way, rng=rng, delicate_of=core)
        if not _kept(unslotted(target, slots), slots, slot_core, about, got.facts):
            return None
        targets[name] = target
    return {"q": slot_line, "c": slot_core, "t": targets, "v": slots}


def _script_row(
    wording: str, product: Product, catalog: Catalog, values: dict[str, str], rng: random.Random
) -> dict[str, Any] | None:
    self_name, address = rng.choice(_NAMES)
    filled = fill(wording, product, catalog, NOW, words={"self": self_name, "address": address})
    if filled is None:
        return None
    core, _, slots = slotted(filled.text.rstrip("。"), "", values)
    targets = {name: script_worded(core, way=way) for name, way in ways().items()}
    for target in targets.values():
        if not _kept(unslotted(target, slots), slots, core, product, filled.facts):
            return None
    return {"q": None, "c": core, "t": targets, "v": slots}


def _kept(target: str, slots: list[Slot], core: str, product: Product | None, facts: Any) -> bool:
    """Whether a target holds every value, no number of its own, and nothing that may not be said."""
    if any(value not in target for _, value in slots):
        return False
    if unfounded(target, facts) - unfounded(unslotted(core, slots), facts):
        return False
    return review(target, product=product, now=NOW).verdict != "block"


def _script_wordings(folder: Path | None) -> list[str]:
    text = files("livehost.training").joinpath("scripts.yaml").read_text(encoding="utf-8")
    wordings = list(yaml.safe_load(text)) * 2
    for path in sorted(folder.glob("*.yaml")) if folder else ():
        for rundown in yaml.safe_load(path.read_text(encoding="utf-8"))["rundowns"]:
            for segment in rundown["segments"]:
                wordings += segment["wordings"]
    return wordings
