"""The device and the number formats of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from services.training.faults import TrainingFailed


@dataclass(frozen=True)
class Precision:
    """Where a run computes, and in what.

    `autocast` is the format of autocast, or None; the frozen base may be held in `base` (the adapter's own
    weights stay float32); `scaled` says that gradients need a scaler (fp16).
    """

    device: torch.device
    autocast: torch.dtype | None = None
    scaled: bool = False

    @property
    def base(self) -> torch.dtype:
        """The format to load the frozen base in."""
        return self.autocast or torch.float32

    @property
    def name(self) -> str:
        """As recipes write it: no, fp16 or bf16."""
        return {None: "no", torch.float16: "fp16", torch.bfloat16: "bf16"}[self.autocast]

    def cast(self) -> AbstractContextManager[Any]:
        """The context in which a task's forward passes run."""
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.autocast)


def precision_of(device: str, mixed_precision: str) -> Precision:
    """What `device` (auto, cpu, cuda, cuda:1) and `mixed_precision` (auto, no, fp16, bf16) come to here.

    `auto` is a CUDA card where there is one, in bf16 where it can and else fp16; on the CPU it is float32.

    Raises:
        TrainingFailed: the device is not there, or fp16 is asked for on a CPU.
    """
    cuda = torch.cuda.is_available()
    if device.startswith("cuda") and not cuda:
        raise TrainingFailed(
            f"device: {device}，但这里没有可用的 CUDA 显卡 / there is no CUDA card here",
            "改为 device: auto 或 cpu / set device: auto or cpu",
        )
    place = torch.device(device if device != "auto" else "cuda" if cuda else "cpu")
    match mixed_precision:
        case "no":
            return Precision(place)
        case "bf16":
            return Precision(place, torch.bfloat16)
        case "fp16":
            if place.type == "cpu":
                raise TrainingFailed(
                    "mixed_precision: fp16 不能在 CPU 上训练 / fp16 cannot be trained on a CPU",
                    "改为 no 或 bf16 / set it to no or bf16",
                )
            return Precision(place, torch.float16, scaled=True)
        case _:
            if place.type == "cpu":
                return Precision(place)
            if torch.cuda.is_bf16_supported():
                return Precision(place, torch.bfloat16)
            return Precision(place, torch.float16, scaled=True)
