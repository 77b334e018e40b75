"""`review`: may this line be said?

The line is compared in several forms (`normalise`) with the groups of the phrase file; a hit falls
away inside an exception, across words, in a plain denial or as a product's approved wording. One
block blocks, one review sends to a person.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from livehost.catalog import Product
from livehost.chinese import folded
from livehost.compliance.context import APPROVED, denied, is_word, splits_words
from livehost.compliance.normalise import Spoken, View, compact, digits_only, spoken, without_repeats
from livehost.compliance.phrases import Group, Phrases, packaged
from livehost.compliance.types import Hit, Review

_MARKUP = re.compile(r"<[^<>]{0,200}>")


def review(
    text: str,
    *,
    category: str = "other",
    product: Product | None = None,
    now: datetime | None = None,
    language: str = "zh",
    phrases: Phrases | None = None,
) -> Review:
    """Judge one line of a product's category, with the product's own approvals if it is given."""
    category = product.category if product else category
    text = _MARKUP.sub("", html.unescape(text))
    plain = compact(text)
    hits: dict[tuple[str, tuple[int, int]], Hit] = {}
    for group in (phrases or packaged()).groups:
        if not group.covers(category):
            continue
        for hit in _hits(group, plain, category, product):
            hits.setdefault((hit.rule, hit.span), hit)
    for hit in _never_said(plain, product):
        hits.setdefault((hit.rule, hit.span), hit)
    found = tuple(sorted(hits.values(), key=lambda h: h.span))
    verdicts = {hit.verdict for hit in found}
    return Review("block" if "block" in verdicts else "review" if "review" in verdicts else "pass", found)


def _hits(group: Group, plain: View, category: str, product: Product | None) -> Iterator[Hit]:
    approved = _approved_spans(plain.text, group, category, product)
    views = [plain]
    single = without_repeats(plain)
    if single.text != plain.text:
        views.append(single)
    if group.name == "diversion":
        views.append(digits_only(plain))
    for view in views:
        if group.pattern is None:
            break
        excepted = [m.span() for m in group.exceptions.finditer(view.text)] if group.exceptions else []
        for match in group.pattern.finditer(view.text):
            start, end = match.span()
            if start == end or any(a <= start and end <= b for a, b in excepted):
                continue
            if view is plain and any(a <= start and end <= b for a, b in approved):
                continue
            if len(match[0]) <= 4 and _is_listed(group, match[0]) and splits_words(view.text, start, end):
                continue
            if group.denial and denied(view.text, start, end):
                continue
            if group.name == "urgency" and _borne_out(match[0], product):
                continue
            yield Hit(match[0], view.span(start, end), group.name, group.why, group.verdict)
    yield from _disguised(group, plain)


def _is_listed(group: Group, word: str) -> bool:
    return word in group.words or word in {folded(w) for w in group.words}


def _disguised(group: Group, plain: View) -> Iterator[Hit]:
    """Listed words written in pinyin, or with characters that sound the same."""
    line = spoken(plain)
    excepted = [m.span() for m in group.exceptions.finditer(plain.text)] if group.exceptions else []
    for at, syllable in enumerate(line.syllables):
        for sounds, word in group.by_first_sound.get(syllable, ()):
            size = len(sounds)
            written = line.chars[at : at + size]
            if line.syllables[at : at + size] != sounds:
                continue
            if "".join(written) == word or not _is_disguise(plain, line, at, word):
                continue
            start, end = line.spans[at][0], line.spans[at + size - 1][1]
            if any(a <= start and end <= b for a, b in excepted):
                continue
            if group.denial and denied(plain.text, start, end):
                continue
            yield Hit(word, plain.span(start, end), group.name, f"{group.why}（变体写法）", group.verdict)


# Characters of everyday speech: a word with one of them in it is more likely plain talk than a disguise.
_PLAIN = frozenset(
    "的了在是我不有这他们来到时地得着就那和也你都说要好没可会能对很还又吧吗呢啊只每自己小大多少上下里外中前后年月日天用去看过"
    "给把被让从向与及或但而且为因所以做再次个些样种件一二三四五六七八九十先最更太真加家新水皮肤干净开关"
)


def _is_disguise(plain: View, line: Spoken, at: int, word: str) -> bool:
    size = len(word)
    written, latin = line.chars[at : at + size], line.latin[at : at + size]
    changed = [w for w, c, is_latin in zip(written, word, latin, strict=True) if w != c and not is_latin]
    if any(latin):
        return not changed
    same = sum(w == c for w, c in zip(written, word, strict=True))
    if (same == 0 and size < 4) or len(changed) > size / 2 or any(c in _PLAIN for c in changed):
        return False
    start, end = line.spans[at][0], line.spans[at + size - 1][1]
    if splits_words(plain.text, start, end):
        return False
    pieces = {"".join(written)} | {"".join(written[i : i + 2]) for i in range(size - 1)}
    return not any(is_word(piece) and piece not in word for piece in pieces)


def _approved_spans(text: str, group: Group, category: str, product: Product | None) -> list[tuple[int, int]]:
    """Where the line uses wordings that are approved for its product or category."""
    words = []
    if product is not None:
        words = [folded(c.text) for c in product.claims or ()]
        if group.verdict == "review":
            registered = [product.name, *product.aliases] if product.registration else []
            words += [folded(w) for w in (*registered, *(product.free_of or ()), product.usage or "") if w]
            words += [folded(f.a) for f in product.faq]
    squeezed = [compact(w).text for w in words]
    spans = [m.span() for w in squeezed if w for m in re.finditer(re.escape(w), text)]
    if category == "health_food":
        spans += [m.span() for m in APPROVED.finditer(text)]
    return spans


def _never_said(plain: View, product: Product | None) -> Iterator[Hit]:
    """A product's own forbidden words, in a denial too."""
    for word in product.never_say if product else ():
        for match in re.finditer(re.escape(compact(word).text), plain.text):
            yield Hit(word, plain.span(*match.span()), "never_say", "该商品禁说")


def _borne_out(words: str, product: Product | None) -> bool:
    """Whether a "last N pieces" is what the stock says."""
    number = re.search(r"\d+", words)
    return product is not None and number is not None and Decimal(number[0]) == product.stock > 0
