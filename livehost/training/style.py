"""How far a set of lines is from a persona's own: the Jensen-Shannon divergence of their n-grams.

Runs of one to three characters are counted over all lines (width, case and traditional characters
folded, every number as one sign), so openings, particles and turns of phrase weigh by how often they
are used. 0 is the same distribution, 1 is no n-gram in common (base 2; Lin, IEEE Transactions on
Information Theory 37, 1991). Few lines lie further apart than many of the same voice: compare
distances over the same rows only.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from livehost.chinese import folded

LONGEST = 3
RESAMPLES = 60
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_BLANK = re.compile(r"\s+")


def grams(line: str) -> Counter[str]:
    """A line's n-grams; its beginning and end count beside other characters, so openings are told."""
    plain = f"^{_NUMBER.sub('#', _BLANK.sub('', folded(line)))}$"
    runs = (plain[at : at + size] for size in range(1, LONGEST + 1) for at in range(len(plain) - size + 1))
    return Counter(run for run in runs if run not in ("^", "$"))


def style_distance(said: Iterable[str], own: Iterable[str]) -> float:
    """The divergence of what was said from the persona's own lines, 0..1; 1 where one side is empty."""
    return _divergence(_sum(map(grams, said)), _sum(map(grams, own)))


def distance_error(new: Sequence[str], old: Sequence[str], own: Sequence[str]) -> float:
    """The standard error of the difference of two sets' distances from `own`, the three row by row.

    By bootstrap over rows, with a fixed seed.
    """
    rows = [(grams(a), grams(b), grams(c)) for a, b, c in zip(new, old, own, strict=True)]
    if len(rows) < 2:
        return 1.0
    rng = random.Random(0)
    found = []
    for _ in range(RESAMPLES):
        picked = rng.choices(rows, k=len(rows))
        wanted = _sum(one[2] for one in picked)
        found.append(
            _divergence(_sum(one[0] for one in picked), wanted)
            - _divergence(_sum(one[1] for one in picked), wanted)
        )
    mean = sum(found) / len(found)
    return math.sqrt(sum((x - mean) ** 2 for x in found) / (len(found) - 1))


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    whole: Counter[str] = Counter()
    for one in counts:
        whole.update(one)
    return whole


def _divergence(one: Counter[str], two: Counter[str]) -> float:
    all_one, all_two = one.total(), two.total()
    if not all_one or not all_two:
        return 1.0
    out = 0.0
    for counts, whole, others, other in ((one, all_one, two, all_two), (two, all_two, one, all_one)):
        for gram, count in counts.items():
            share = count / whole
            out += share * math.log2(2 * share / (share + others[gram] / other)) / 2
    return min(max(out, 0.0), 1.0)
