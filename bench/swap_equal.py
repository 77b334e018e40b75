"""When the forward after a switch counts as peft's.

In fp32 it must be peft's forward: within 1e-4 of the output and 1e-2 of the adapter's effect.

In half precision there is no one right output: two orders of rounding drift apart through a whole model,
peft's as far as any other. The truth is then peft's forward in fp32, with the same weights and the same
adapter's file, and the bank must be as near to it as peft in half precision is. How far one input's rounding
drifts is chance (either of two right ones may be three times the other), so several inputs are taken,
and the geometric mean of their distances: over one switch's inputs the bank's may be `OVER_PEFT_ONE` times
peft's, over all switches' together `OVER_PEFT_ALL` times. Without the latter no switch counts. A scale that
is wrong by 1 % is found that way. A distance over half of the adapter's effect is never equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

FP32_OUTPUT, FP32_EFFECT = 1e-4, 1e-2
OVER_PEFT_ONE, OVER_PEFT_ALL = 2.0, 1.25
# Below so many ulps nobody is any farther than another.
ULPS = 2
HALF_EFFECT = 0.5
INPUTS_IN_HALF = 8


@dataclass(frozen=True)
class Verdict:
    """Whether a switch's forwards are peft's, and by what: all are shares of the output's size.

    `error` and `effect` are the largest difference from peft's output, and the bare base's from it. The
    distances to fp32 are geometric means over the inputs, None where the forward itself was in fp32.
    """

    equal: bool
    error: float
    effect: float
    bank_to_fp32: float | None = None
    peft_to_fp32: float | None = None


def judge(
    output: torch.Tensor, *, by_peft: torch.Tensor, base: torch.Tensor, exact: torch.Tensor | None
) -> Verdict:
    """Judge a switch by its outputs `[inputs, …]`, beside peft's and the bare base's.

    `exact` is peft's output in fp32, or None if `output` is in fp32 itself.
    """
    error, effect = _farthest(output, by_peft), _farthest(base, by_peft)
    if exact is None:
        equal = error <= FP32_OUTPUT and error <= FP32_EFFECT * effect
        return Verdict(equal, error, effect)
    bank, peft = _distance(output, exact), _distance(by_peft, exact)
    equal = bank <= _allowed(peft, OVER_PEFT_ONE, output.dtype) and bank <= HALF_EFFECT * _distance(
        base, exact
    )
    return Verdict(equal, error, effect, bank, peft)


def judge_all(verdicts: Sequence[Verdict], dtype: torch.dtype) -> list[Verdict]:
    """The verdicts, but none equal if the bank is farther from fp32 than peft in all of them together."""
    bank, peft = distances(verdicts)
    if bank is None or peft is None or bank <= _allowed(peft, OVER_PEFT_ALL, dtype):
        return list(verdicts)
    return [replace(verdict, equal=False) for verdict in verdicts]


def distances(verdicts: Sequence[Verdict]) -> tuple[float | None, float | None]:
    """The bank's and peft's distance to fp32 over all verdicts; None where they were in fp32."""
    bank = [verdict.bank_to_fp32 for verdict in verdicts if verdict.bank_to_fp32 is not None]
    peft = [verdict.peft_to_fp32 for verdict in verdicts if verdict.peft_to_fp32 is not None]
    return (_geometric(bank), _geometric(peft)) if bank else (None, None)


@contextmanager
def full_fp32() -> Iterator[None]:
    """No TF32 in here: cuDNN's convolutions would use it by default, with no more bits than fp16's."""
    parts = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [part.allow_tf32 for part in parts]
    try:
        for part in parts:
            part.allow_tf32 = False
        yield
    finally:
        for part, allowed in zip(parts, before, strict=True):
            part.allow_tf32 = allowed


def _allowed(peft: float, factor: float, dtype: torch.dtype) -> float:
    ulp: float = torch.finfo(dtype).eps
    return max(factor * peft, ULPS * ulp)


def _farthest(output: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference of one number, over the largest number."""
    wanted = wanted.float()
    return float((output.float() - wanted).abs().max() / wanted.abs().max())


def _distance(output: torch.Tensor, wanted: torch.Tensor) -> float:
    """The difference's length over the output's, as the geometric mean over the inputs."""
    wanted = wanted.float().flatten(1)
    shares = (output.float().flatten(1) - wanted).norm(dim=1) / wanted.norm(dim=1)
    return _geometric(shares.tolist())


def _geometric(values: Sequence[float]) -> float:
    """Their geometric mean; not a number if one is not. An exact 0 counts as 1e-9."""
    if not all(map(math.isfinite, values)):
        return math.nan
    return math.exp(sum(math.log(max(value, 1e-9)) for value in values) / len(values))
