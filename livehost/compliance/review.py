"""`review`: may this line be said?

The line is compared in several forms (`normalise`, `disguise`) with the groups of the phrase file; a hit
falls away inside an exception, across words, in a plain denial or as a product's approved wording. One
block blocks, one review sends to a person.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from livehost.catalog import Product
from livehost.compliance.context import (
    APPROVED,
    begins_inside,
    cautioned,
    denied,
    ends_inside,
    mentioned,
    splits_words,
)
from livehost.compliance.disguise import Heard, disguised
from livehost.compliance.normalise import (
    BARRIER,
    View,
    bridged,
    compact,
    digits_only,
    in_characters,
    joined_parts,
    without_noise,
    without_repeats,
)
from livehost.compliance.phrases import Group, Phrases, packaged
from livehost.compliance.types import Hit, Review, worst
from livehost.compliance.urgency import borne_out

_MARKUP = re.compile(r"<[^<>]{0,200}>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_REPEATED = re.compile(r"(.)\1+")
_HALF_A_NUMBER = re.compile(r"^[^a-z]*\d[^a-z]*$")  # 伟1 of a name and a year is no 唯一
# A mark between these and another character is likely none inside a word.
_LOOSE = frozenset(
    "的了在是我不有这他们来到时得着就那和也你都说要好没可会能对很还又吧吗呢啊只过一二三四五六七八九十"
)
# A word torn by a mark begins so even where the character is an everyday one: no clause ends in these.
_NEVER_LAST = frozenset("最全独首绝顶极唯药")
NEAR = 30  # characters around a hit in which a caution takes it back
_TAKEN_UP = frozenset("的，指是和跟与")


@dataclass(frozen=True)
class _Forms:
    """All forms of one line."""

    plain: View
    whole: tuple[View, ...]  # compared with words and patterns
    counted: View  # digits as characters; compared with words
    torn: tuple[tuple[View, bool], ...]  # compared with words across seams; whether these are clause marks
    digits: View
    heard: Heard


def review(
    text: str,
    *,
    category: str = "other",
    product: Product | None = None,
    now: datetime | None = None,
    phrases: Phrases | None = None,
) -> Review:
    """Judge one line of a product's category, with the product's own approvals if it is given."""
    category = product.category if product else category
    forms = _forms(text)
    hits: dict[tuple[str, tuple[int, int]], Hit] = {}
    groups = (phrases or packaged()).groups
    own = _never_say(product.never_say) if product is not None and product.never_say else None
    for group in (*groups, own) if own is not None else groups:
        if not group.covers(category):
            continue
        for hit in _hits(group, forms, category, product, now):
            hits.setdefault((hit.rule, hit.span), hit)
    found = tuple(sorted(hits.values(), key=lambda h: h.span))
    return Review(worst(hit.verdict for hit in found), found)


def that_hit(text: str, *, category: str, now: datetime | None, phrases: Phrases | None = None) -> Phrases:
    """The groups that find anything in a line of a category.

    No other group finds more in a line of one of its products, whose own words only take hits back; what
    the product itself may not be said of comes on top.
    """
    forms = _forms(text)
    groups = (phrases or packaged()).groups
    return Phrases(
        tuple(one for one in groups if one.covers(category) and any(_hits(one, forms, category, None, now)))
    )


@lru_cache(maxsize=256)
def _never_say(words: tuple[str, ...]) -> Group:
    """A product's own forbidden words, in a denial too."""
    return Group(name="never_say", verdict="block", why="该商品禁说", words=words, denial=False)


@lru_cache(maxsize=512)
def _forms(text: str) -> _Forms:
    """A line in all the forms in which it is compared."""
    shown, places = _without_markup(text)
    plain = compact(shown)
    if places is not None:
        plain = replace(plain, origin=tuple(places[at] for at in plain.origin))
    whole = [plain]
    for view in (without_repeats(plain), joined_parts(plain)):
        if view.text != plain.text:
            whole.append(view)
    noiseless = without_noise(bridged(plain))
    torn = [(bridged(plain), True), (without_noise(plain), False)]
    if noiseless.seams and len(noiseless.text) < min(len(view.text) for view, _ in torn):
        torn.append((noiseless, False))
    torn = [(view, marks) for view, marks in torn if view.seams]
    counted = replace(plain, text=in_characters(plain.text))
    return _Forms(plain, tuple(whole), counted, tuple(torn), digits_only(plain), Heard.of(counted))


def _without_markup(text: str) -> tuple[str, list[int] | None]:
    """What is read of a text, and where each character of it stood; None: where it stands."""
    if not _MARKUP.search(text):
        return text, None
    out, at = "", 0
    places: list[int] = []
    for match in (*_MARKUP.finditer(text), None):
        end = match.start() if match else len(text)
        out += text[at:end]
        places += range(at, end)
        if match:
            read = "" if match[0].startswith("<") else html.unescape(match[0])
            out += read
            places += [match.start()] * len(read)
            at = match.end()
    return out, places


def _hits(
    group: Group, forms: _Forms, category: str, product: Product | None, now: datetime | None
) -> Iterator[Hit]:
    plain = forms.plain
    approved = _approved_spans(plain.text, group, category, product)
    for view in (*forms.whole, forms.digits) if group.name == "diversion" else forms.whole:
        excepted = _excepted(group, view)
        for match in (m for one in group.expressions for m in one.finditer(view.text)):
            start, end = match.span()
            if start == end or _inside(start, end, excepted):
                continue
            if view is plain and _inside(start, end, approved):
                continue
            if group.harmless_near and group.harmless_near.search(
                view.text[max(0, start - NEAR) : end + NEAR]
            ):
                continue
            listed = match[0] in group.listed or _REPEATED.sub(r"\1", match[0]) in group.listed
            if listed and len(match[0]) <= 4 and splits_words(view.text, start, end):
                continue
            if listed and _same_sense(view.text, start, end, excepted):
                continue
            if group.denial and _excused(view.text, start, end, listed=listed):
                continue
            if group.name == "urgency" and borne_out(_clause(view.text, start, end), product, now):
                continue
            yield Hit(match[0], view.span(start, end), group.name, group.why, group.verdict)
    for view, marks in forms.torn:
        yield from _across(group, view, plain, marks=marks)
    excepted = _excepted(group, plain)
    if forms.counted.text != plain.text and group.words_counted is not None:
        for match in group.words_counted.finditer(forms.counted.text):
            if _inside(*match.span(), approved) or _inside(*match.span(), excepted):
                continue
            if plain.text[slice(*match.span())] != match[0] and not (
                group.denial and denied(plain.text, *match.span())
            ):
                yield _disguise(group, match[0], plain.span(*match.span()))
    for word, start, end in disguised(group.sounds, forms.heard):
        if _HALF_A_NUMBER.search(plain.text[start:end]):
            continue
        if not _inside(start, end, excepted) and not (group.denial and denied(plain.text, start, end)):
            yield _disguise(group, word, plain.span(start, end))


def _excused(text: str, start: int, end: int, *, listed: bool) -> bool:
    """Whether a hit is denied; a listed word also where it is only talked about or a caution names it."""
    if denied(text, start, end):
        return True
    return listed and (cautioned(text, start, end) or mentioned(text, start, end))


def _same_sense(text: str, start: int, end: int, excepted: list[tuple[int, int]]) -> bool:
    """Whether a word that stands by itself takes up one inside an exception: 调理牛排的调理是腌过的."""
    alone = text[end : end + 1] in _TAKEN_UP or end == len(text)
    return alone and any(text[start:end] in text[a:b] for a, b in excepted)


def _clause(text: str, start: int, end: int) -> str:
    right = text.find(BARRIER, end)
    return text[text.rfind(BARRIER, 0, start) + 1 : len(text) if right < 0 else right]


def _disguise(group: Group, word: str, span: tuple[int, int]) -> Hit:
    return Hit(word, span, group.name, f"{group.why}（变体写法）", group.verdict)


def _excepted(group: Group, view: View) -> list[tuple[int, int]]:
    return [m.span() for m in group.exceptions.finditer(view.text)] if group.exceptions else []


def _inside(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    return any(a <= start and end <= b for a, b in spans)


def _across(group: Group, view: View, plain: View, *, marks: bool) -> Iterator[Hit]:
    """Listed words that run across what was left out, where both halves are whole words of their clauses."""
    if group.words_only is None:
        return
    where = {place: at for at, place in enumerate(plain.origin)}
    for match in group.words_only.finditer(view.text):
        start, end = match.span()
        if not view.crosses(start, end):
            continue
        word = match[0]
        if marks and len(word) == 2 and word[0] not in _NEVER_LAST and set(word) & _LOOSE:
            continue
        first, last = where[view.origin[start]], where[view.origin[end - 1]] + 1
        left = plain.text.rfind(BARRIER, 0, first) + 1
        right = plain.text.find(BARRIER, last)
        around = plain.text[left : len(plain.text) if right < 0 else right]
        chance = marks or len(word) < 4  # four characters around letters are none
        if chance and (begins_inside(around, first - left) or ends_inside(around, last - left)):
            continue
        if group.denial and denied(view.text, start, end):
            continue
        yield _disguise(group, word, view.span(start, end))


def _approved_spans(text: str, group: Group, category: str, product: Product | None) -> list[tuple[int, int]]:
    """Where the line uses wordings that are approved for its product or category."""
    words: list[str] = []
    if product is not None and group.name != "never_say":
        review_only = group.verdict == "review"
        words = [c.text for c in product.claims or () if c.evidence or review_only]
        if review_only:
            words += [product.name, *product.aliases] if product.registration else []
            words += [
                *(product.free_of or ()),
                *(product.ingredients or ()),
                product.usage or "",
                *(f.a for f in product.faq),
            ]
    spans = [m.span() for w in words if w for m in re.finditer(re.escape(_squeezed(w)), text)]
    if category == "health_food":
        spans += [m.span() for m in APPROVED.finditer(text)]
    return spans


@lru_cache(maxsize=4096)
def _squeezed(text: str) -> str:
    return compact(text).text
