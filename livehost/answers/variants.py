"""The variants of a product that a line names (三盒, 200g, 一米五的, 大支, 2XL), and how many pieces."""

from __future__ import annotations

import re
from functools import lru_cache

from livehost.catalog import Product, Spec
from livehost.chinese import folded, with_digits

# Measure words of which one stands for the other beside the same number.
_SAME_MEASURE = {
    "粒": "个", "颗": "个", "枚": "个", "片": "个", "只": "个", "贴": "个", "管": "支", "克": "g", "毫升": "ml", "公斤": "kg", "千克": "kg", "升": "l",
    "毫安": "mah", "厘米": "cm", "公分": "cm", "毫米": "mm", "英寸": "寸",
}  # fmt: skip
_MEASURES = (
    "毫安|公斤|千克|毫升|厘米|公分|毫米|英寸|kg|ml|mg|cm|mm|mah|g|l|克|升|斤|两|米|寸|码|片|粒|颗|枚|贴|抽|袋|包|支|管|瓶|盒|"
    "箱|罐|桶|条|双|个|只|件|套|卷|层|张|块|根|把|提|杯|对|人|号|色|档|年|w|瓦|度|岁|天|次"
)
_QUANTITY = re.compile(rf"(?<![\d.])(\d+(?:\.\d+)?)\s*({_MEASURES})(?![a-z])")
_ACROSS = re.compile(r"(\d+(?:\.\d+)?)\s*(?:cm|米|m|厘米)?\s*[*×x乘]\s*(\d+(?:\.\d+)?)")
_RANGE = re.compile(r"(?<![\d.])(\d{1,3})\s*[-~到至]\s*(\d{1,3})\s*(码|号|cm|kg|斤|岁|人)")
_METRES = re.compile(r"(?<![\d.])(\d(?:\.\d{1,2})?)米(\d)?(?!\d)")
_SIDE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*(米|cm|厘米|公分)\s*(宽|高|长|厚)")
_LETTERS = re.compile(r"(?<![a-z0-9])(\d?x*[sml]|\d?xl|x{1,5}l|xs|均码)(?![a-z0-9])")
_COLOURS = "黑白红蓝绿黄紫粉灰棕橙青银金杏驼咖"
_BIG = re.compile(
    r"(?<!多)(?<!不)(?:最大|大(?:支|瓶|盒|包|袋|罐|号|码|份|规格|包装|容量|的|桶|装|床|件|杯))|多的那"
)
_SMALL = re.compile(r"最小|小(?:支|瓶(?!子)|盒|包|袋|罐|号|码|份|规格|包装|容量|的|装|床|件|杯)")
_PIECES = re.compile(
    r"(?<![\d.第])([2-9]|[1-9]\d)(个|件|瓶|盒|包|袋|支|双|罐|份|条|套|箱|只|把|床|提|桶|单|盆|串|本|台|张|对(?![吗吧不么的])|根|副|顶|盏|株|束|枝|幅|辆|听|筒|捆|架|口|面|朵|盘|筐|壶|碗|板|扎|组|(?<=[买拍要]\d)块)"
    r"(?!码|月|小时|号链接|人|小样|杯刷|起|包|片|支|斤|kg|g)"
)

_PART = re.compile(
    r"(?<![\d.第])(\d+)(片|粒|颗|枚|贴|个|袋|包|支|条|只|张|块|双|罐|瓶|卷|盒)(?!月|码|人|小样|装)"
)


def named(line: str, product: Product, *, strict: bool = False) -> tuple[Spec, ...]:
    """The variants of a product that a cleaned line names.

    `strict`: only by what hardly another product has: sizes across, amounts of two digits, names.
    """
    specs = product.specs or ()
    said, text = _line(line)
    forms = {s.name: _forms(s.name) for s in specs}
    common = frozenset.intersection(*forms.values()) if len(specs) > 1 else frozenset()
    matched = {s.name: _held(forms[s.name] - common, said, text, strict=strict) for s in specs}
    most = max(matched.values(), default=0)
    found = [s for s in specs if most and matched[s.name] == most]
    if len(found) == len(specs) > 1:
        found = []
    if not found and strict:
        plain = {s.name: folded(s.name).replace(" ", "") for s in specs}
        found = [s for s in specs if re.match("[\u4e00-\u9fff]{2}", plain[s.name]) and plain[s.name] in text]
    if not found and not strict:
        found = [s for s in specs if any(_far(m) in said for m in _ACROSS.finditer(s.name))]
        found = found if len(found) == 1 else []
    found = found or ([] if strict else _model(specs, text))
    priced = [s for s in specs if s.price is not None]
    if not found and len(priced) > 1 and not strict:
        ends = "".join({name[-1] for name in (product.name, *product.aliases)})
        if _BIG.search(line) or re.search(rf"大[{re.escape(ends)}]", line):
            found = [max(priced, key=lambda s: s.price or 0)]
        elif _SMALL.search(line) or re.search(rf"小[{re.escape(ends)}]", line):
            found = [min(priced, key=lambda s: s.price or 0)]
    return tuple(found)


_GRADES = re.compile("pro|max|plus|mini|ultra|air|lite")
_CHUNK = re.compile(r"[a-z]+|\d+(?:\.\d+)?")


def _model(specs: tuple[Spec, ...], text: str) -> list[Spec]:
    """The variant whose model's letters and figures stand in a line side by side: 17pro of iPhone 17 Pro."""
    named = {s.name: _CHUNK.findall(folded(s.name)) for s in specs}
    if not any(re.search("(?!mah)[a-z]{3,}", folded(name)) and len(named[name]) > 1 for name in named):
        return []
    said = set(_CHUNK.findall(re.sub(r"\d+(?:\.\d+)?(?:元|块|个|件|号|天|折)", " ", text)))
    common = set.intersection(*(set(chunks) for chunks in named.values())) if len(named) > 1 else set()
    grades = {grade for grade in _GRADES.findall(text)}
    held = {
        name: len((set(chunks) - common) & said) if grades <= set(chunks) else 0
        for name, chunks in named.items()
    }
    most = max(held.values())
    found = [s for s in specs if most and held[s.name] == most]
    least = min((len(named[s.name]) for s in found), default=0)
    return [s for s in found if len(named[s.name]) == least] if len(found) < len(specs) else []


_WHAT_OF = re.compile("(?:呢|咧|捏|呐)$")


def asked_bare(line: str, product: Product) -> bool:
    """Whether a line only names a variant and asks what of it: 45的呢, 大瓶呢."""
    return _WHAT_OF.search(line) is not None and bool(named(line, product))


_ALIKE = ("个片粒颗枚只条支张块贴", "包袋")  # measures for the same parts


def pieces(line: str, product: Product, chosen: Spec | None = None) -> tuple[int, str] | None:
    """How many pieces a line asks for, from two on, and the measure word: 两件多少钱.

    None where it may be part of what is sold as one: 5包 of a box of 30. `chosen`: the variant that the
    line names.
    """
    base = next((s for s in product.specs or () if s.price == product.price), None)
    of = chosen or base
    sold = with_digits(folded(of.name)) if of is not None else ""
    for match in _PIECES.finditer(with_digits(folded(line))):
        if match[2] == "双" and match.string[match.end() : match.end() + 1] in tuple("吗吧么"):
            continue
        counts = _counts(sold, match[2])
        if chosen is not None and match[1] in counts:  # it names the variant
            continue
        return None if any(n != "1" for n in counts) else (int(match[1]), match[2])
    return None


def _counts(sold: str, measure: str) -> list[str]:
    """How many of a measure, or of one for the same parts, a variant's name holds."""
    alike = next((f"[{same}]" for same in _ALIKE if measure in same), re.escape(measure))
    return re.findall(rf"(\d+)\s*{alike}", sold)


def asks_part(line: str, product: Product) -> bool:
    """Whether a line counts what is only sold several at once: 30袋 of a box of 15."""
    names = [with_digits(folded(s.name)) for s in product.specs or ()]
    said = list(_PART.finditer(with_digits(folded(line))))
    return any(
        counts and m[1] not in counts and "1" not in counts
        for m in said
        for counts in [[n for name in names for n in _counts(name, m[2])]]
    )


def _held(forms: frozenset[str], said: frozenset[str], text: str, *, strict: bool) -> int:
    """How many of a variant's forms a line holds."""
    if strict:
        forms = frozenset(
            f
            for f in forms
            if re.fullmatch(r"\d(?:双|条|片|粒|颗|升|l|米|斤|卷|抽|张|头|人)", f)
            or re.search(r"×|\d\d[^\d.]|\d\.\d", f)
            or (len(f) >= 2 and not re.search(r"[\da-z色]", f))
        )
    return sum(form in said or _word(form, text) for form in forms)


def _word(form: str, text: str) -> bool:
    """Whether a variant's name of Chinese characters stands in a line: 豆沙, 米白, 黑(色|的)."""
    if re.search(r"[\da-z×]", form):
        return False
    if len(form) >= 2:
        return form in text
    return (
        form in _COLOURS
        and re.search(rf"{form}(?:色|的(?!是)| *有)|[有要买拍](?:没有)?{form}(?![\u4e00-\u9fff])", text)
        is not None
    )


@lru_cache(maxsize=1024)
def _line(line: str) -> tuple[frozenset[str], str]:
    text = re.sub(r"(\d)万(?!能)", r"\g<1>0000", with_digits(folded(line)).replace("单", "1"))
    text = re.sub(r"(\d)个人", r"\g<1>人", text)
    return frozenset(tokens(text)), text


def tokens(text: str) -> set[str]:
    """Amounts and sizes of a text in one form: 200×230, 150cm, 60片, 42码, xl."""
    text = re.sub(r"(?<![\d.])(\d(?:\.\d+)?)m(?![a-z])", r"\1米", text)
    text = re.sub(r"(?<![\d.*×x乘])([12]\.\d{1,2})(?=的|床|$)", r"\1米", text)
    text = _METRES.sub(lambda m: f" {round(float(m[1]) * 100) + (int(m[2]) * 10 if m[2] else 0)}cm ", text)
    found = set()
    for match in _ACROSS.finditer(text):
        one, two = (_plain(n) for n in match.groups())
        if float(one) < 10 and float(two) < 10:
            one, two = (_plain(str(float(n) * 100)) for n in (one, two))
        found |= {f"{one}×{two}", f"{one}cm"}
    for match in _QUANTITY.finditer(_ACROSS.sub(" ", text)):
        measure = _SAME_MEASURE.get(match[2], match[2])
        found.add(_plain(match[1]) + measure)
        if measure in ("kg", "l", "斤"):
            found.add(
                _plain(str(float(match[1]) * {"kg": 1000, "l": 1000, "斤": 500}[measure]))
                + ("ml" if measure == "l" else "g")
            )
    for match in _RANGE.finditer(text):
        found |= {f"{n}{match[3]}" for n in range(int(match[1]), int(match[2]) + 1)}
    for match in _LETTERS.finditer(text):
        size = match[1]
        found.add("x" * int(size[0]) + size.lstrip("0123456789x") if size[0].isdigit() else size)
    found |= {m[1] for m in re.finditer(r"(?<![\d.])(\d\d)(?![几多])(?=号|$|[\u4e00-\u9fff]{2})", text)}
    found |= {m[0] for m in re.finditer(r"(?<![\d.])\d+(?:\.\d+)?[头针股孔节格盏芯幅株页匹档]", text)}
    found |= {m[1] for m in re.finditer(r"(?<![\d.])(\d+\.\d+|\d{2,4})(?=的|那|款|用券|券后|到手|$)", text)}
    found |= {_side(m) for m in _SIDE.finditer(text)}
    return found


def measures(text: str) -> set[str]:
    """The measures in which a text counts, each as it is written: 10斤 counts in 斤 and not in g."""
    return {_SAME_MEASURE.get(match[2], match[2]) for match in _QUANTITY.finditer(text)}


def _far(match: re.Match[str]) -> str:
    """The second side of a size across, in centimetres."""
    size = float(match[2])
    return f"{_plain(str(size * 100 if size < 10 else size))}cm"


def _side(match: re.Match[str]) -> str:
    """2米宽 and 200cm宽 as one."""
    size = float(match[1]) * (100 if match[2] == "米" else 1)
    return f"{_plain(str(size))}{match[3]}"


def _plain(number: str) -> str:
    return f"{float(number):.3f}".rstrip("0").rstrip(".")


@lru_cache(maxsize=1024)
def _forms(name: str) -> frozenset[str]:
    """The ways in which a variant may be named."""
    text = with_digits(folded(name))
    words = set(re.findall(r"[\u4e00-\u9fff]+", re.sub(rf"\d+(?:\.\d+)?\s*(?:{_MEASURES})?", " ", text)))
    words |= {w.removesuffix("色") for w in words} | {w.removesuffix("装").removesuffix("款") for w in words}
    words |= {f"1{whole}" for whole in re.findall("整([箱盒包提桶袋件])", text)}
    bare = set(re.findall(r"(?<![\d.])(?:\d+\.\d+|\d{2,4})(?![\d.])", text))
    return frozenset((tokens(text) | bare | words | {text.replace(" ", "")}) - {"", "装", "款", "型"})
