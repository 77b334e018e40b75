"""The catalogue: what is sold, as an operator writes it, and the only source of facts.

    LookupError
    ├── UnknownProduct      no such product id
    ValueError
    └── CatalogProblems     everything that is wrong with a file or a change, at once

A field that is left out (or null) is *unknown*; an empty list or `false` is a known "none".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from livehost.catalog_problems import CatalogProblems, Problem, located, problems_of
from livehost.catalog_terms import checked_terms
from livehost.catalog_values import TZ_CHINA, Instant, KnownNone, Money, Name, Text

__all__ = [
    "TZ_CHINA",
    "Catalog",
    "CatalogProblems",
    "Problem",
    "Product",
    "Shop",
    "Spec",
    "UnknownProduct",
    "merged",
]

Category = Literal["cosmetics", "food", "health_food", "apparel", "home", "other"]


class Part(BaseModel):
    """Base of the catalogue's models: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ListPrice(Part):
    """A price to compare with (划线价), and what it is: the law wants its basis said."""

    amount: Money
    basis: Text


class Coupon(Part):
    """A coupon: so much off from a threshold on, until an instant."""

    amount: Money
    threshold: Money = Decimal(0)
    until: Instant | None = None


class Gift(Part):
    """What comes along for nothing."""

    name: Name
    count: int = Field(1, ge=1)


class Spec(Part):
    """A size or variant (规格) with its price."""

    name: Name
    price: Money | None = None


class Claim(Part):
    """An effect that may be said, and the evidence for it."""

    text: Text
    evidence: Text | None = None


class Sensitive(Part):
    """Approved wordings for groups that nobody may improvise about."""

    pregnancy: Text | None = None
    nursing: Text | None = None
    minors: Text | None = None


class Shipping(Part):
    """From where, how soon, by whom, at whose cost, and where not."""

    from_: Text | None = Field(None, alias="from")
    within: Text | None = None
    days: Text | None = None
    courier: tuple[Text, ...] | None = None
    free: bool | None = None
    not_to: tuple[Text, ...] | None = None


class Returns(Part):
    """Whether it may be sent back, what is excepted, and who pays the way (运费险)."""

    seven_days: bool | None = None
    exceptions: Text | KnownNone | None = None
    insurance: bool | None = None


class Faq(Part):
    """Approved words for a question in several phrasings."""

    q: tuple[Text, ...] = Field(min_length=1)
    a: Text

    @model_validator(mode="before")
    @classmethod
    def _one_question(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("q"), str):
            return value | {"q": [value["q"]]}
        return value


class Valid(Part):
    """When the product's facts may be spoken."""

    from_: Instant | None = Field(None, alias="from")
    until: Instant | None = None


class Product(Part):
    """One thing on sale."""

    id: Name
    link: int = Field(ge=0)
    name: Name
    aliases: tuple[Name, ...] = ()
    category: Category
    price: Money
    list_price: ListPrice | KnownNone | None = None
    coupon: Coupon | KnownNone | None = None
    gifts: tuple[Gift, ...] | None = Field(None, max_length=50)
    stock: int = Field(ge=0)
    restock: date | KnownNone | None = None
    specs: tuple[Spec, ...] | None = Field(None, max_length=200)
    ingredients: tuple[Text, ...] | None = None
    free_of: tuple[Text, ...] | None = None
    claims: tuple[Claim, ...] | None = None
    suitable_for: tuple[Text, ...] | None = None
    not_for: tuple[Text, ...] | None = None
    sensitive: Sensitive = Sensitive()
    usage: Text | None = None
    lasts: Text | None = None
    shelf_life: Text | None = None
    produced: Text | None = None
    origin: Text | None = None
    shipping: Shipping = Shipping()
    returns: Returns = Returns()
    invoice: Text | KnownNone | None = None
    registration: Text | KnownNone | None = None
    never_say: tuple[Text, ...] = ()
    highlights: tuple[Text, ...] | None = None
    faq: tuple[Faq, ...] = ()
    platforms: dict[str, dict[str, Any]] = {}
    valid: Valid = Valid()
    image: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _known_nones(cls, value: Any) -> Any:
        """`[]` for one thing means none, `false` for several means none, null means unknown."""
        if not isinstance(value, dict):
            return value
        out = {key: item for key, item in value.items() if item is not None}
        for key in ("list_price", "coupon", "invoice", "registration", "restock"):
            if key in out and out[key] == [] and isinstance(out[key], list):
                out[key] = False
        for key in ("gifts", "specs", "ingredients", "free_of", "claims", "suitable_for", "not_for"):
            if out.get(key) is False:
                out[key] = []
        return out

    @model_validator(mode="after")
    def _terms(self) -> Self:
        checked_terms(self)
        return self

    def speakable(self, now: datetime) -> bool:
        """Whether this product's facts hold at `now`."""
        early = self.valid.from_ is not None and now < self.valid.from_
        return not early and (self.valid.until is None or now <= self.valid.until)


class Shop(Part):
    """What holds for the whole shop."""

    name: Text | None = None
    services: tuple[Text, ...] | None = None
    authentic: Text | None = None
    contact: Text | None = None


class _File(Part):
    products: tuple[Any, ...] = Field(min_length=1)
    shop: Shop = Shop()


class UnknownProduct(LookupError):
    """A product id that the catalogue does not hold."""


@dataclass(frozen=True)
class Catalog:
    """All products and the shop; `versions` counts the live changes of each product."""

    products: tuple[Product, ...]
    shop: Shop = field(default_factory=Shop)
    versions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """Read a file, reporting every problem in it at once."""
        try:
            text = path.read_text(encoding="utf-8")
            data = yaml.safe_load(text)
        except (OSError, UnicodeDecodeError) as error:
            cause, mend = (
                f"读不了 / cannot be read: {error}",
                "检查路径和权限 / check the path and its rights",
            )
            raise CatalogProblems([Problem(str(path), "-", cause, mend)]) from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = None if mark is None else int(mark.line) + 1
            cause, mend = f"不是 YAML / is not YAML: {error}", "改好那一行 / mend the line that it names"
            raise CatalogProblems([Problem(str(path), "-", cause, mend, line=line)]) from error
        try:
            return cls.parse(data, file=str(path))
        except CatalogProblems as found:
            raise CatalogProblems(located(found.problems, text)) from found

    @classmethod
    def parse(cls, data: Any, *, file: str = "catalog") -> Catalog:
        """Make a catalogue of plain data, reporting every problem at once."""
        try:
            whole = _File.model_validate(data)
        except ValidationError as error:
            problems = problems_of(error, file, "")
            rows = data.get("products") if isinstance(data, dict) else None
            raise CatalogProblems(problems + _read_products(rows or (), file)[1]) from error
        products, problems = _read_products(whole.products, file)
        if problems:
            raise CatalogProblems(problems)
        return cls(tuple(products), whole.shop)

    def get(self, product_id: str | None) -> Product | None:
        """The product of that id, if there is one."""
        return next((p for p in self.products if p.id == product_id), None)

    def product(self, product_id: str) -> Product:
        """The product of that id; raises UnknownProduct."""
        found = self.get(product_id)
        if found is None:
            raise UnknownProduct(
                f"no product {product_id!r}; the catalogue holds " + ", ".join(p.id for p in self.products)
            )
        return found

    def by_link(self, link: int) -> Product | None:
        """The product behind a link number, if there is one."""
        return next((p for p in self.products if p.link == link), None)

    def version(self, product_id: str) -> int:
        """How many live changes this product has had."""
        return self.versions.get(product_id, 0)

    def with_changes(
        self, changes: Mapping[str, Mapping[str, Any]], versions: Mapping[str, int] | None = None
    ) -> Catalog:
        """This catalogue with live changes: fields of products are merged, null makes one unknown.

        Every changed product's version goes up by one, or to what `versions` says.
        """
        problems: list[Problem] = []
        products = list(self.products)
        numbers = dict(self.versions)
        for product_id, values in changes.items():
            index = next((i for i, p in enumerate(products) if p.id == product_id), None)
            if index is None:
                cause, mend = "没有这个商品 / no such product", "用目录里的 id / use an id of the catalogue"
                problems.append(Problem("change", product_id, cause, mend))
                continue
            if values.get("id", product_id) != product_id:
                cause, mend = "id 不能改 / an id cannot change", "不写它 / leave it out"
                problems.append(Problem("change", f"{product_id}.id", cause, mend))
                continue
            try:
                products[index] = merged(_without_overlays(products[index], values), values)
            except ValidationError as error:
                problems += problems_of(error, "change", f"{product_id}.")
            numbers[product_id] = (versions or {}).get(product_id, numbers.get(product_id, 0) + 1)
        problems += _clashes(products, "change")
        if problems:
            raise CatalogProblems(problems)
        return replace(self, products=tuple(products), versions=numbers)

    def on_platform(self, platform: str | None) -> Catalog:
        """This catalogue with what differs on a platform."""
        if platform is None or not any(platform in p.platforms for p in self.products):
            return self
        return replace(self, products=tuple(_on_platform(p, platform) for p in self.products))


def merged(product: Product, values: Mapping[str, Any]) -> Product:
    """A product with some fields changed; variants that cost what it cost follow its price."""
    data = product.model_dump(by_alias=True, exclude_unset=True)
    for key, value in values.items():
        old = data.get(key)
        nested = isinstance(value, Mapping) and isinstance(old, dict)
        data[key] = {**old, **value} if nested and isinstance(old, dict) else value
    changed = Product.model_validate(data)
    if "price" not in values or "specs" in values or not product.specs:
        return changed
    specs = [
        s.model_copy(update={"price": changed.price}) if s.price == product.price else s
        for s in product.specs
    ]
    return checked_terms(changed.model_copy(update={"specs": tuple(specs)}))


def _without_overlays(product: Product, values: Mapping[str, Any]) -> Product:
    """A live change is newer than what the file says of a platform, so it holds there too."""
    if not product.platforms:
        return product
    platforms = {
        name: {key: value for key, value in overlay.items() if key not in values}
        for name, overlay in product.platforms.items()
    }
    return product.model_copy(update={"platforms": platforms})


def _on_platform(product: Product, platform: str) -> Product:
    overlay = product.platforms.get(platform)
    return (
        _overlaid(product.model_dump_json(by_alias=True, exclude_unset=True), platform)
        if overlay
        else product
    )


@lru_cache(maxsize=4096)
def _overlaid(product_json: str, platform: str) -> Product:
    product = Product.model_validate_json(product_json)
    return merged(product, product.platforms[platform])


def _read_products(rows: Any, file: str) -> tuple[list[Product], list[Problem]]:
    products: list[Product] = []
    problems: list[Problem] = []
    for number, row in enumerate(rows if isinstance(rows, (list, tuple)) else ()):
        name = row.get("id", number) if isinstance(row, dict) else number
        where = f"products[{name}]."
        try:
            product = Product.model_validate(row)
        except ValidationError as error:
            problems += problems_of(error, file, where, ("products", number))
            continue
        products.append(product)
        for platform, overlay in product.platforms.items():
            try:
                merged(product, overlay)
            except ValidationError as error:
                place = ("products", number, "platforms", platform)
                problems += problems_of(error, file, f"{where}platforms.{platform}.", place)
    return products, problems + _clashes(products, file)


def _clashes(products: list[Product], file: str) -> list[Problem]:
    problems = []
    for name in ("id", "link"):
        seen: dict[Any, str] = {}
        for product in products:
            value = getattr(product, name)
            if value in seen:
                cause = f"{value} 已经是 {seen[value]} 的 {name} / {value} is {seen[value]}'s too"
                mend = f"每个商品各用一个 {name} / give each product its own {name}"
                place = ("products", product.id, name)
                problems.append(Problem(file, f"products[{product.id}].{name}", cause, mend, place))
            seen[value] = product.id
    return problems
