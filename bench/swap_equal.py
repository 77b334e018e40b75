"""When the forward after a switch counts as peft's.

In fp32 it must be peft's forward: within 1e-4 of the output and 1e-2 of the adapter's effect.

In half precision there is no one right output: two orders of rounding drift apart through a whole model,
peft's as far as any other. The truth is then peft's forward in fp32, with the same weights and the same
adapter's file. The bank must be as near to it as peft in half precision is, and nearer than half of the
adapter's effect: past that, nothing could be told from the bare base.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

FP32_OUTPUT, FP32_EFFECT = 1e-4, 1e-2
# How much farther from the truth than peft the bank may be, and below how many ulps nobody is.
OVER_PEFT, ULPS, HALF_EFFECT = 1.25, 2, 0.5


@dataclass(frozen=True)
class Verdict:
    """Whether a forward is peft's, and by what: distances and effect are shares of the output's size.

    The two distances to fp32 are None where the forward itself was in fp32.
    """

    equal: bool
    error: float
    effect: float
    bank_to_fp32: float | None = None
    peft_to_fp32: float | None = None


def judge(
    output: torch.Tensor, *, by_peft: torch.Tensor, base: torch.Tensor, exact: torch.Tensor | None
) -> Verdict:
    """Judge an output beside peft's and the bare base's; `exact` is peft's in fp32, None if `output` is."""
    error, effect = _farthest(output, by_peft), _farthest(base, by_peft)
    if exact is None:
        equal = error <= FP32_OUTPUT and error <= FP32_EFFECT * effect
        return Verdict(equal, error, effect)
    bank, peft = _distance(output, exact), _distance(by_peft, exact)
    allowed = max(OVER_PEFT * peft, ULPS * torch.finfo(output.dtype).eps)
    equal = bank <= allowed and bank <= HALF_EFFECT * _distance(base, exact)
    return Verdict(equal, error, effect, bank, peft)


@contextmanager
def full_fp32() -> Iterator[None]:
    """No TF32 in here: cuDNN's convolutions would use it by default, with fewer bits than fp16."""
    parts = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [part.allow_tf32 for part in parts]
    try:
        for part in parts:
            part.allow_tf32 = False
        yield
    finally:
        for part, allowed in zip(parts, before, strict=True):
            part.allow_tf32 = allowed


def _farthest(output: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference of one number, over the largest number."""
    wanted = wanted.float()
    return float((output.float() - wanted).abs().max() / wanted.abs().max())


def _distance(output: torch.Tensor, wanted: torch.Tensor) -> float:
    """The root of the mean squared difference, over that of the numbers."""
    wanted = wanted.float()
    return float((output.float() - wanted).norm() / wanted.norm())
