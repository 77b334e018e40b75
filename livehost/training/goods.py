"""Random catalogues to practise on: products, shops and values that no shop sells.

Values mix plausible words of the trade with words and characters at random, so that a model learns
to copy what it has never seen. Fields are left out at random: what is missing is unknown.
"""

from __future__ import annotations

import random
from decimal import Decimal
from functools import cache
from typing import Any

from livehost.catalog import Catalog
from livehost.compliance.review import review
from livehost.training.lexicon import ODD, TRADE
from services.training.language_values import common_characters, everyday_words

CATEGORIES = ("cosmetics", "food", "health_food", "apparel", "home", "other")


@cache
def common_words() -> tuple[str, ...]:
    """Everyday words of two to four characters that may be said of anything."""
    banned = set("死杀毒性党军警枪炮血奸淫尸贼妓嫖赌")
    return tuple(w for w in everyday_words() if not set(w) & banned and review(w).verdict == "pass")


class Goods:
    """A source of random values; the same seed gives the same catalogues."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.words = common_words()

    def catalog(self) -> Catalog:
        """A random shop with one to five products."""
        rng = self.rng
        count = rng.choice((1, 2, 3, 3, 4, 5))
        links = rng.sample(range(1, rng.choice((10, 20, 100))), count)
        names: set[str] = set()
        rows = []
        for number, link in enumerate(links):
            row = self.product(f"p{number}", link)
            if row["name"] in names:
                continue
            names.add(row["name"])
            rows.append(row)
        return Catalog.parse({"products": rows, "shop": self.shop()})

    def shop(self) -> dict[str, Any]:
        """What holds for the shop."""
        rng = self.rng
        shop: dict[str, Any] = {"name": self.word(1, 2) + rng.choice(TRADE["shop_tail"])}
        if rng.random() < 0.85:
            shop["services"] = rng.sample(TRADE["services"], rng.randint(1, 3))
        if rng.random() < 0.85:
            shop["authentic"] = rng.choice(TRADE["authentic"])
        if rng.random() < 0.9:
            shop["contact"] = rng.choice(TRADE["contact"])
        return shop

    def product(self, key: str, link: int) -> dict[str, Any]:
        """One product; most fields are there, each may be missing or a known none."""
        rng = self.rng
        category = rng.choice(CATEGORIES)
        price = self.money()
        kinds = TRADE["nouns"][category]
        noun = rng.choice(kinds)
        row: dict[str, Any] = {
            "id": key,
            "link": link,
            "name": self.name(noun),
            "aliases": [noun] if rng.random() < 0.6 else [],
            "category": category,
            "price": price,
            "stock": rng.choice((0, 0, rng.randint(1, 60), rng.randint(60, 5000))),
        }

        def maybe(field: str, chance: float, value: Any) -> None:
            if rng.random() < chance:
                row[field] = value

        basis = rng.choice(TRADE["basis"])
        above = f"{Decimal(price) + Decimal(self.money()):.2f}"
        maybe("list_price", 0.75, rng.choice(({"amount": above, "basis": basis},) * 5 + (False,)))
        maybe("coupon", 0.8, self.coupon(price))
        gift = [
            {"name": self.thing("gifts"), "count": rng.choice((1, 1, 2, 3))}
            for _ in range(rng.choice((1, 1, 2)))
        ]
        maybe("gifts", 0.8, rng.choice((gift, gift, gift, [])))
        maybe("specs", 0.85, self.specs(category, price))
        coupon, costs = (
            row.get("coupon"),
            [Decimal(s["price"]) for s in row.get("specs", ()) if s.get("price")],
        )
        if coupon and coupon["threshold"] == "0" and min(costs, default=10_000) <= Decimal(coupon["amount"]):
            row["coupon"] = False  # it would pay for a whole variant
        maybe("ingredients", 0.85, self.things("ingredients", 2, 6))
        maybe("free_of", 0.75, self.things("free_of", 1, 4))
        claim = [{"text": rng.choice(TRADE["claims"][category]), "evidence": rng.choice(TRADE["evidence"])}]
        maybe("claims", 0.75, claim)
        maybe("suitable_for", 0.8, self.things("people", 1, 4))
        maybe("not_for", 0.8, self.things("unfit", 1, 3))
        sensitive = {
            group: rng.choice(TRADE["sensitive"][group])
            for group in ("pregnancy", "nursing", "minors")
            if rng.random() < 0.6
        }
        maybe("sensitive", 0.9, sensitive)
        maybe("usage", 0.85, self.sentence("usage"))
        maybe("lasts", 0.75, self.sentence("lasts"))
        maybe(
            "shelf_life",
            0.8,
            rng.choice(
                (
                    f"{rng.choice((6, 9, 12, 18, 24, 36, 48))}个月",
                    f"{rng.randint(7, 400)}天",
                    f"{rng.choice('一二三五')}年",
                )
            ),
        )
        maybe(
            "produced",
            0.75,
            f"{rng.choice((2025, 2026))}-{rng.randint(1, 12):02d}"
            + rng.choice(("", f"-{rng.randint(1, 28):02d}")),
        )
        maybe("origin", 0.8, self.place() + (self.place() if rng.random() < 0.5 else ""))
        maybe("restock", 0.7, f"{rng.choice((2026, 2027))}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}")
        row["shipping"] = self.shipping()
        returns: dict[str, Any] = {}
        if rng.random() < 0.85:
            returns["seven_days"] = rng.random() < 0.7
        if rng.random() < 0.6:
            returns["exceptions"] = self.sentence("exceptions")
        if rng.random() < 0.8:
            returns["insurance"] = rng.random() < 0.65
        row["returns"] = returns
        maybe(
            "invoice", 0.75, rng.choice(("电子发票", "纸质发票", "增值税发票", "普通发票", "电子普票", False))
        )
        maybe("registration", 0.7, self.code())
        maybe("highlights", 0.85, self.things("highlights", 1, 3))
        row["faq"] = [
            {"q": [self.faq_question()], "a": self.sentence("faq")} for _ in range(rng.choice((0, 1, 2, 3)))
        ]
        return row

    def coupon(self, price: str) -> Any:
        """A coupon that is reached, one that is not, one that has ended, or none."""
        rng = self.rng
        cost = float(price)
        threshold = rng.choice((cost, cost * rng.uniform(0.3, 1), cost * rng.uniform(1.1, 3), 0))
        off = max(1, int(min(cost, threshold or cost) * rng.uniform(0.05, 0.3)))
        until = rng.choice(("2027-06-30", "2027-01-01", "2027-03-15", "2026-03-01"))
        if rng.random() < 0.08 or off >= (int(threshold) or cost):
            return False
        return {
            "amount": f"{off}",
            "threshold": price if threshold == cost else f"{int(threshold)}",
            "until": f"{until}T23:59:59+08:00",
        }

    def specs(self, category: str, price: str) -> list[dict[str, str]]:
        """One to three variants, the first at the product's own price."""
        rng = self.rng
        n = rng.choice((1, 1, 2, 2, 3))
        unit, pack = rng.choice(TRADE["units"][category])
        sizes = sorted(rng.sample(TRADE["sizes"], n))
        if unit == "码":
            names = rng.sample(("S", "M", "L", "XL", "XXL", "均码", "38码", "40码", "42码", "165码"), n)
        elif unit == "色":
            names = rng.sample(("米白色", "雾蓝色", "浅灰色", "豆绿色", "墨黑色", "奶咖色", "藕粉色"), n)
        else:
            form = rng.choice(("{s}{u}", "{s}{u}", "{k}{p}{s}{u}", "{s}{u}×{m}{p}", "{s}{u}装"))
            names = [
                form.format(s=s, u=unit, p=pack, k=rng.randint(1, 6), m=rng.randint(2, 30)) for s in sizes
            ]
        names = list(dict.fromkeys(names))
        return [{"name": name, "price": price if i == 0 else self.money()} for i, name in enumerate(names)]

    def shipping(self) -> dict[str, Any]:
        """How it is sent."""
        rng = self.rng
        row: dict[str, Any] = {}
        low = rng.randint(1, 5)
        for field, value in (
            ("from", self.place()),
            (
                "within",
                rng.choice(
                    (
                        f"{rng.choice((12, 24, 36, 48, 72, 96))}小时",
                        f"{rng.randint(1, 15)}天",
                        f"{rng.randint(2, 9)}天内",
                    )
                ),
            ),
            ("days", f"{low}到{low + rng.randint(1, 4)}天"),
            ("courier", rng.sample(TRADE["couriers"], rng.choice((1, 1, 2, 3)))),
            ("free", rng.random() < 0.65),
            ("not_to", rng.choice(([], rng.sample(TRADE["regions"], rng.randint(1, 3))))),
        ):
            if rng.random() < 0.8:
                row[field] = value
        return row

    def name(self, noun: str) -> str:
        """A product's name: plausible, of random words, or of random characters."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            return str(
                rng.choice(TRADE["qualities"]) + rng.choice(("", rng.choice(TRADE["ingredients"])[:4])) + noun
            )
        if roll < 0.75:
            return self.word(1, 2) + noun
        if roll < 0.85:
            return rng.choice(ODD) + self.word(1, 1) + noun
        return self.noise(2, 8)

    def thing(self, kind: str) -> str:
        """One value of a kind of list."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.65:
            return str(rng.choice(TRADE[kind]))
        return self.word(1, 2) if roll < 0.85 else self.noise(2, 6)

    def things(self, kind: str, least: int, most: int) -> list[str]:
        """Several different values of a kind."""
        count = self.rng.randint(least, most)
        return list(dict.fromkeys(self.thing(kind) for _ in range(count)))

    def sentence(self, kind: str) -> str:
        """One to three clauses about a matter, with numbers at random."""
        rng = self.rng
        clauses = rng.sample(TRADE[kind], min(len(TRADE[kind]), rng.choice((1, 1, 2, 2, 3))))
        if rng.random() < 0.25:
            clauses.append(self.word(2, 4))
        return "，".join(self._numbered(str(c)) for c in clauses)

    def faq_question(self) -> str:
        """A question that an approved answer stands for."""
        rng = self.rng
        return str(rng.choice(TRADE["faq_questions"])).replace("W", rng.choice(self.words))

    def money(self) -> str:
        """An amount in yuan, as catalogues write it."""
        rng = self.rng
        whole = rng.choice((rng.randint(1, 99), rng.randint(10, 999), rng.randint(100, 3999)))
        return f"{whole}.{rng.choice(('00', '00', '00', '90', '90', '80', '50', '99', '95', f'{rng.randint(1, 99):02d}'))}"

    def place(self) -> str:
        """A place, real or not."""
        rng = self.rng
        return str(rng.choice(TRADE["places"])) if rng.random() < 0.7 else self.noise(2, 3)

    def code(self) -> str:
        """A registration's number."""
        rng = self.rng
        return str(
            rng.choice(TRADE["codes"])
            .replace("N", str(rng.randint(2020, 2027)))
            .replace("#", f"{rng.randint(0, 999999):06d}")
        )

    def word(self, least: int, most: int) -> str:
        """Everyday words in a row."""
        return "".join(self.rng.choice(self.words) for _ in range(self.rng.randint(least, most)))

    def noise(self, least: int, most: int) -> str:
        """Characters in a row that mean nothing."""
        characters = common_characters()
        return "".join(self.rng.choice(characters) for _ in range(self.rng.randint(least, most)))

    def _numbered(self, text: str) -> str:
        return "".join(str(self.rng.randint(1, 60)) if c == "#" else c for c in text)
