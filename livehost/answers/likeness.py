"""What is meant without its very words: a name or a word written with other characters, in letters or shortened, a
product described."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rapidfuzz import fuzz

from livehost.catalog import Product
from livehost.chinese import folded, pinyin

LEAST_RATIO = 75  # of the characters of a name of four or more: one in four may be another
LEAST_LETTERS = 5  # of a name in pinyin


@dataclass(frozen=True)
class Spelt:
    """Where a line holds something like a name, and whose name it is."""

    product: str
    start: int
    end: int


def spelt(cleaned: str, names: Mapping[str, Sequence[str]]) -> Spelt | None:
    """A name written with characters of the same sound, with one character amiss, or in pinyin."""
    sounds = [heard(char) for char in cleaned]
    for name in sorted(names, key=len, reverse=True):
        size = len(name)
        if size < 2 or name.isascii() or not names[name]:
            continue
        wanted = [heard(char) for char in name]
        for at in range(len(cleaned) - size + 1):
            piece = cleaned[at : at + size]
            same = sum(a == b for a, b in zip(piece, name, strict=True))
            if same * 2 < size or (size == 2 and same < 1):
                continue
            alike = all(a & b for a, b in zip(sounds[at : at + size], wanted, strict=True))
            if alike or (size >= 4 and fuzz.ratio(piece, name) >= LEAST_RATIO):
                return Spelt(names[name][0], at, at + size)
    return _lettered(cleaned, names)


@lru_cache(maxsize=8192)
def heard(char: str) -> frozenset[str]:
    """The syllables of a character as dialects and careless typing keep them: no tone, no difference
    between zh and z, ch and c, sh and s, n and l, -ng and -n."""
    from pypinyin import Style
    from pypinyin import pinyin as all_of

    if not "\u4e00" <= char <= "\u9fff":
        return frozenset((char,))
    found = all_of(char, style=Style.NORMAL, heteronym=True)[0]
    return frozenset(
        re.sub(r"g$", "", re.sub(r"^l(?=[aeiouv])", "n", re.sub(r"^([zcs])h", r"\1", sound)))
        for sound in found
    )


def _lettered(cleaned: str, names: Mapping[str, Sequence[str]]) -> Spelt | None:
    """A name in the letters of its sounds: kouhong, mao yi."""
    for run in re.finditer(r"[a-z][a-z ]{3,}", cleaned):
        letters = run[0].replace(" ", "")
        for name, ids in names.items():
            sound = "".join(pinyin(name))
            if len(sound) >= LEAST_LETTERS and not name.isascii() and sound in letters and ids:
                start = run.start() if letters == sound else run.start() + run[0].find(sound)
                whole = start >= run.start()
                return Spelt(
                    ids[0], start if whole else run.start(), start + len(sound) if whole else run.end()
                )
    return None


_DESCRIBED = re.compile(
    r"([^\s,，。!！?？]{1,10}?)的?(?:那|这)(?:个|款|支|瓶|种|件|条|双|盒|包|只|把|罐|袋|套|床)|"
    r"([^\s,，。!！?？]{1,10}?)的(?:几号|是几号|链接|在几号|多少钱|怎么卖)"
)
_THAT_ONE = re.compile(
    r"那(?:个|款|支|瓶|件|条|双|盒|把)([^\s,，。!！?？这那]{1,6}?)的(?=$|[\s,，多几怎还有到券])"
)
_PRICED = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)(?:元|块)?的?(?:那|这)(?:个|款|支|瓶|种|件|条|双|盒|包)")
_COLOUR = re.compile("(?:[深浅大]?[\u4e00-\u9fff]?[黑白红蓝绿黄紫粉灰棕橙青金银米杏咖]色?)")
_SORTS = (
    (re.compile("(?:刚才|刚刚|之前|前面)?(?:那个)?(?:能|可以)?[吃喝]"), ("food", "health_food")),
    (re.compile("(?:刚才|刚刚|之前|前面)?(?:那个)?穿"), ("apparel",)),
    (re.compile("(?:刚才|刚刚|之前|前面)?(?:那个)?(?:[抹涂擦]|护肤|化妆)"), ("cosmetics",)),
)
_FILLERS = re.compile(
    r"刚才|刚刚|之前|前面|上面|昨天|主播|那个|这个|请问|想要|想买|我要|就是|可以|用来|专门|能够|[能会那的是用有讲说过卖个款]"
)


def described(cleaned: str, products: Sequence[Product], on_air: Product | None) -> Product | None:
    """The one product that a description fits (补水的那个, 睡前吃的几号, 39.9的那款): by price, or by two characters in a row of
    its own words; None where the one on air or several fit as well."""
    if (amount := _PRICED.search(cleaned)) is not None:
        costing = [p for p in products if Decimal(amount[1]) in (p.price, *(s.price for s in p.specs or ()))]
        if len(costing) == 1:
            return costing[0]
    best: list[tuple[int, Product]] = []
    for match in (*_DESCRIBED.finditer(cleaned), *_THAT_ONE.finditer(cleaned)):
        if _COLOUR.fullmatch(_told(match)):
            continue  # 白色的多少钱 is asked of what is on air
        sort = next((sort for sort in _SORTS if sort[0].fullmatch(_told(match))), None)
        if sort is not None:
            best += [(1, p) for p in products if p.category in sort[1]]
        words = _FILLERS.sub(" ", _told(match))
        pairs = {part[i : i + 2] for part in words.split() for i in range(len(part) - 1)}
        if not pairs and len(words.strip()) == 1:
            best += [(1, p) for p in products if words.strip() in folded("".join((p.name, *p.aliases)))]
        if not pairs:
            continue
        for product in products:
            own = _words(product)
            score = sum(pair in own for pair in pairs)
            if score * 2 >= len(pairs):
                best.append((score, product))
    told = " ".join(
        _FILLERS.sub(" ", _told(one)) for one in (*_DESCRIBED.finditer(cleaned), *_THAT_ONE.finditer(cleaned))
    )
    pairs = {told[at : at + 2] for at in range(len(told) - 1) if " " not in told[at : at + 2]}
    called = [p for p in products if any(pair in folded(n) for n in (p.name, *p.aliases) for pair in pairs)]
    if not best and len(called) == 1:  # 铺地上练瑜伽那个
        return called[0]
    if not best:
        return None
    top = max(score for score, _ in best)
    fitting = {p.id: p for score, p in best if score == top}
    if len(fitting) != 1 or (on_air is not None and on_air.id in fitting):
        return on_air if on_air is not None and on_air.id in fitting else None
    return next(iter(fitting.values()))


def _told(match: re.Match[str]) -> str:
    """What a line says of the product that it means."""
    return next((group for group in match.groups() if group), "")


def _words(product: Product) -> str:
    return folded(
        " ".join(
            (
                product.name,
                *product.aliases,
                *(product.highlights or ()),
                *(c.text for c in product.claims or ()),
                *(product.ingredients or ()),
                *(product.suitable_for or ()),
                product.usage or "",
                *(s.name for s in product.specs or ()),
            )
        )
    )


def respelt(line: str, texts: str) -> str | None:
    """A cleaned line with a word that only sounds like one of some texts written as there (图层, 涂层); None
    where there is none."""
    texts = folded(texts)
    words = {texts[at : at + 2] for at in range(len(texts) - 1)}
    known = {pinyin(word): word for word in sorted(words) if re.fullmatch("[\u4e00-\u9fff]{2}", word)}
    for at in range(len(line) - 1):
        word = line[at : at + 2]
        meant = known.get(pinyin(word))
        if (
            meant is not None
            and word not in words
            and sum(a == b for a, b in zip(word, meant, strict=True)) == 1
        ):
            return line[:at] + meant + line[at + 2 :]
    return None


def shortens(word: str, name: str) -> bool:
    """Whether the characters of a word stand in a name in that order: 荧光剂, 荧光增白剂."""
    rest = iter(name)
    return all(char in rest for char in word)
