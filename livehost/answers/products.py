"""Which product a line is about: a link number, a name, or the one on air."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from livehost.catalog import Catalog, Product
from livehost.chinese import folded, numeral, pinyin

_NUMBER = r"(\d{1,3}|[一二两三四五六七八九十]{1,3})"
_LINK = re.compile(
    rf"(?<![\d十年月.])(?:小黄车|链接|购物车|车里|link|no\.?|#)(?:的|里)?第?{_NUMBER}(?:号|个)?(?![\d.个片瓶盒g%])|"
    rf"(?<![\d十年月.])第?{_NUMBER}(?:号|个)?(?:链接|连接|小黄车|车)|"
    rf"(?<![\d十年月.双]){_NUMBER}号(?!色|线|楼|店)|"
    rf"第{_NUMBER}(?:个|款)(?!月|问题|步|礼拜|星期|疗程)|{_NUMBER}(?:番|番目)"
)
_DATE = re.compile(
    r"号(?:之前|以前|前|能到|到|能送到|送到|能收到|收到|到货|左右|才到|发出|晚上|早上|上午|下午|那天|可以到)"
)
_BACK = re.compile(
    r"(?:刚才|刚刚|上一个|上个|前面|之前|上一款|刚讲|刚说)(?:那个|那款|这个|的|讲的|说的|介绍的)?"
)
_ALONGSIDE = re.compile(r"一起|同时|叠|搭配|混用|先后|配合|之后用|前用|后用|再用|然后用")


@dataclass(frozen=True)
class Topic:
    """The products that a line is about, the link number that does not exist, the rest of the line."""

    products: tuple[Product, ...]
    missing_link: int | None
    rest: str
    named: bool

    @property
    def product(self) -> Product | None:
        """The first of the products."""
        return self.products[0] if self.products else None


def topic(cleaned: str, catalog: Catalog, on_air: Product | None, previous: Product | None) -> Topic:
    """Find what a cleaned line is about."""
    own_specs = {folded(s.name) for s in (on_air.specs or ())} if on_air else set()
    for match in _LINK.finditer(cleaned):
        number = numeral(next(g for g in match.groups() if g))
        if number is None or (_DATE.match(cleaned, match.end() - 1) and "链接" not in match[0]):
            continue
        if match[0] in own_specs or f"{number}" in own_specs:
            continue
        rest = cleaned[: match.start()] + " " + cleaned[match.end() :]
        product = catalog.by_link(number)
        if product is None:
            return Topic((), number, rest, True)
        return Topic((product,), None, rest, True)
    named, rest = _named(cleaned, catalog, on_air)
    if named:
        return Topic(named, None, rest, True)
    if previous is not None and _BACK.search(cleaned):
        return Topic((previous,), None, cleaned, False)
    return Topic((on_air,) if on_air else (), None, cleaned, False)


@lru_cache(maxsize=8)
def _names(products: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[tuple[str, str], ...]:
    pairs = {folded(name).replace(" ", ""): product_id for product_id, names in products for name in names}
    return tuple(sorted(pairs.items(), key=lambda p: -len(p[0])))


def _named(cleaned: str, catalog: Catalog, on_air: Product | None) -> tuple[tuple[Product, ...], str]:
    names = _names(tuple((p.id, (p.name, *p.aliases)) for p in catalog.products))
    found: dict[int, Product] = {}
    rest = cleaned
    for name, product_id in names:
        at = rest.find(name)
        if at < 0:
            continue
        product = catalog.product(product_id)
        if rest.startswith("剂", at + len(name)):
            continue
        if product is not on_air and _aside(rest, name, at, on_air):
            continue
        found.setdefault(at, product)
        rest = rest[:at] + " " * len(name) + rest[at + len(name) :]
    if not found:
        return _sounding(cleaned, catalog, names, on_air)
    by_id = {found[at].id: found[at] for at in sorted(found)}
    return tuple(by_id.values()), rest


def _aside(text: str, name: str, at: int, on_air: Product | None) -> bool:
    """Whether a name only stands beside the one on air: 能和精华一起用吗, 能洗掉防晒吗, 送精华小样吗."""
    if on_air is None:
        return False
    before, after = text[:at], text[at + len(name) :]
    if re.search(r"(?:洗掉|卸掉?|洗净|卸除|洗得掉|洗干净|代替|替代|当)$", before):
        return True
    if re.search(r"(?:送|赠|赠送|带|附)(?:不送|的|了)?$", before) or after.startswith(
        ("小样", "液足", "成分", "味")
    ):
        return True
    if _ALONGSIDE.search(after) or re.search(r"(?:配|叠|搭配|叠加|搭|混)$", before):
        return True
    if re.search(r"(?:用完|涂完|敷完|洗完|抹完|用了|擦完|之前|以后)$", before):
        return True
    words = "".join((*(on_air.ingredients or ()), *(on_air.highlights or ()), *(on_air.free_of or ())))
    return name in folded(words) and bool(re.search(r"(?:有|含|加|放)$", before))


def _sounding(
    cleaned: str, catalog: Catalog, names: tuple[tuple[str, str], ...], on_air: Product | None
) -> tuple[tuple[Product, ...], str]:
    """A name written with other characters of the same sound, or with one character amiss."""
    sounds = pinyin(cleaned)
    for name, product_id in names:
        size = len(name)
        if size < 2 or name.isascii():
            continue
        wanted = pinyin(name)
        for at in range(len(cleaned) - size + 1):
            piece = cleaned[at : at + size]
            if sum(a == b for a, b in zip(piece, name, strict=True)) * 2 < size:
                continue
            if sounds[at : at + size] == wanted or (size >= 4 and fuzz.ratio(piece, name) >= 75):
                product = catalog.product(product_id)
                if product is on_air or not _aside(cleaned, piece, at, on_air):
                    return (product,), cleaned[:at] + " " + cleaned[at + size :]
    return (), cleaned
