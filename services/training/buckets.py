"""Buckets: the sizes that pictures are cropped to, near one area and in several shapes.

Batches hold one size, so a picture takes the bucket whose shape is nearest its own and loses least at its edges.
The sizes are those of NovelAI's aspect-ratio bucketing: every multiple of the step whose area is at most the
target's, and for each width the greatest height that fits; a size that lies within another is left out, so that
few pictures fill few buckets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

MAX_ASPECT = 2.0


class Bucket(NamedTuple):
    """A size in pixels."""

    width: int
    height: int


def make_buckets(width: int, height: int, *, step: int = 64) -> tuple[Bucket, ...]:
    """The buckets around `width` × `height` pixels, narrowest first; the target itself is always one.

    Sides are multiples of `step` (64 for the latents of Stable Diffusion, 8 for the embedded base); no side is more
    than `MAX_ASPECT` times the other, unless the target's own are.

    Raises:
        ValueError: the target's sides are not multiples of `step`.
    """
    if min(width, height) < step or width % step or height % step:
        near = [max(step, round(side / step) * step) for side in (width, height)]
        raise ValueError(
            f"分辨率 {width}×{height} 不是 {step} 的倍数，可用 {near[0]}×{near[1]} / "
            f"{width}×{height} is no multiple of {step}; use {near[0]}×{near[1]}"
        )
    area = width * height
    limit = max(MAX_ASPECT, width / height, height / width)
    found = {Bucket(width, height)}
    side = step
    while side * step <= area:
        other = area // side // step * step
        for one in (Bucket(side, other), Bucket(other, side)):
            if max(one) <= limit * min(one):
                found.add(one)
        side += step
    return tuple(sorted(one for one in found if not any(_holds(other, one) for other in found)))


def nearest(buckets: Sequence[Bucket], width: int, height: int) -> Bucket:
    """The bucket whose shape is nearest a picture's, the larger of two alike."""
    shape = math.log(width / height)
    return min(
        buckets,
        key=lambda one: (round(abs(math.log(one.width / one.height) - shape), 6), -one.width * one.height),
    )


def _holds(one: Bucket, other: Bucket) -> bool:
    """Whether another size lies within a size."""
    return one != other and one.width >= other.width and one.height >= other.height
