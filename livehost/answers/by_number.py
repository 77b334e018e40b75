"""What a line is about where a number tells: 3号, 3号和5号, 三件套."""

from __future__ import annotations

import re
from dataclasses import dataclass

from livehost.catalog import Catalog, Product
from livehost.chinese import folded, numeral

_NUMBER = r"(\d{1,3}|[一二两三四五六七八九十]{1,3})"
_LINK = re.compile(
    rf"(?<![\d十年月.])(?:小黄车|链接|购物车|车里|link|no\.?|#)(?:的|里)?第?{_NUMBER}(?:号|个)?(?![\d.个片瓶盒g%])|"
    rf"(?<![\d十年月.])第?{_NUMBER}(?:号|个)?(?:链接|连接|小黄车|车)|"
    rf"(?<![\d十年月.双]){_NUMBER}号(?!色|线|楼|店|电池)|"
    rf"第{_NUMBER}(?:个|款)(?!月|问题|步|礼拜|星期|疗程)|{_NUMBER}(?:番|番目)"
)
_DATE = re.compile(
    r"号(?:之前|以前|前|能发|可以发|发货吗|能到|到(?!手)|能送到|送到|能收到|收到|到货|左右|才到|发出|晚上|早上|上午|下午|那天|可以到)"
)
_DAY = re.compile(r"(?:能|可以|会|才|就|之?前|以前|左右)*(?:补|到|发|上|有货|收)")
AND = re.compile(r"[\s,，、]*(?:和|跟|与|还有|还是|或者?|以及|比|加)?[\s,，、]*")


@dataclass(frozen=True)
class Topic:
    """The products that a line is about, the link number that does not exist, the rest of the line.

    `elsewhere`: goods that it is about and that the catalogue does not hold; empty where the word for
    them is only the viewer's own.
    """

    products: tuple[Product, ...]
    missing_link: int | None
    rest: str
    named: bool
    elsewhere: str | None = None

    @property
    def product(self) -> Product | None:
        """The first of the products."""
        return self.products[0] if self.products else None


def numbered(cleaned: str, catalog: Catalog, on_air: Product | None) -> Topic | None:
    """The products behind the link numbers of a line: 3号, 3号和5号; None where there are none."""
    own_specs = {folded(s.name) for s in (on_air.specs or ())} if on_air else set()
    found: list[re.Match[str]] = []
    missing: int | None = None
    products: dict[str, Product] = {}
    for match in _LINK.finditer(cleaned):
        number = numeral(next(g for g in match.groups() if g))
        if number is None or (_DATE.match(cleaned, match.end() - 1) and "链接" not in match[0]):
            continue
        if re.match(r"\D*0\d", match[0]) or match[0] in own_specs or f"{number}" in own_specs:
            continue
        if found and not AND.fullmatch(cleaned, found[-1].end(), match.start()):
            break
        found.append(match)
        product = catalog.by_link(number)
        if product is None and _DAY.match(cleaned, match.end()) and "链接" not in match[0]:
            found.pop()
            continue
        if product is not None:
            products[product.id] = product
        elif missing is None:
            missing = number
    if not found:
        return None
    rest = cleaned
    for match in reversed(found):
        rest = rest[: match.start()] + " " + rest[match.end() :]
    return Topic(tuple(products.values()), None if products else missing, rest, True)


_SET = re.compile(r"([\d一二两三四五六七八九十]+)件套")


def set_of(cleaned: str, catalog: Catalog) -> Topic | None:
    """The only product whose name counts as many pieces in a set as the line does: 三件套."""
    match = _SET.search(cleaned)
    if match is None:
        return None
    word = match[0]
    by_name = [p for p in catalog.products if any(word in folded(name) for name in (p.name, *p.aliases))]
    by_variant = [p for p in catalog.products if any(word in folded(s.name) for s in p.specs or ())]
    found = next((some for some in (by_name, by_variant) if len(some) == 1), None)
    return Topic((found[0],), None, cleaned, True) if found else None
