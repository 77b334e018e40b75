"""How much memory a run took, and what to change when there is not enough."""

from __future__ import annotations

import re
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from services.training.faults import OutOfMemory

MIB = 1024 * 1024
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, kw_only=True)
class Appetite:
    """The settings that decide how much memory a run takes. `resolution` is (width, height) in pixels, or None."""

    batch_size: int
    gradient_accumulation: int = 1
    gradient_checkpointing: bool = False
    mixed_precision: str = "no"
    resolution: tuple[int, int] | None = None
    max_length: int | None = None
    lora_rank: int = 16


def peak_bytes(device: torch.device) -> int:
    """The most memory so far: on a CUDA card what tensors took of it, else what the process had resident."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    # Not ru_maxrss on Linux: a child takes that over from the process that started it (proc(5) has VmHWM).
    if STATUS.is_file():
        found = re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii", errors="replace"), re.M)
        if found is not None:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: a CUDA card's, or the machine's."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        told in text
        for told in ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
    )


def out_of_memory(error: BaseException, appetite: Appetite, device: torch.device) -> OutOfMemory:
    """The failure to raise, naming what to change in the order in which it costs least quality."""
    chinese, english = ("显存", "GPU memory") if device.type == "cuda" else ("内存", "memory")
    detail = ""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory / MIB / 1024
        detail = f" ({total:.0f} GB, peak {peak_bytes(device) / MIB / 1024:.1f} GB)"
    mend = "按此顺序更改 / change in this order:\n" + "\n".join(
        f"  {number}. {one}" for number, one in enumerate(changes(appetite), start=1)
    )
    failure = OutOfMemory(f"{chinese}不够 / not enough {english}{detail}", mend)
    failure.__cause__ = error
    return failure


def changes(appetite: Appetite) -> list[str]:
    """What to change, first things first: batch size, gradient checkpointing, precision, and size last."""
    told = []
    size, at = appetite.batch_size, ""
    if appetite.resolution:
        at = " at {}×{}".format(*appetite.resolution)
    if size > 1:
        half = size // 2
        more = -(-size * appetite.gradient_accumulation // half)
        told.append(
            f"batch_size: {size} → {half}{at}（gradient_accumulation: {more} 保持总批量 / keeps the whole batch)"
        )
    if not appetite.gradient_checkpointing:
        told.append(
            "gradient_checkpointing: true（每步约 1.7 倍时间，结果不变 / a step takes about 1.7 times as long, the same result）"
        )
    if appetite.mixed_precision == "no":
        told.append("mixed_precision: bf16")
    if appetite.lora_rank > 8:
        told.append(f"lora_rank: {appetite.lora_rank} → {max(8, appetite.lora_rank // 2)}")
    if appetite.max_length and appetite.max_length > 128:
        told.append(f"max_length: {appetite.max_length} → {appetite.max_length // 2}")
    if appetite.resolution and min(appetite.resolution) > 512:
        width, height = appetite.resolution
        least = min(width, height)
        smaller = [max(512, round(side * 512 / least / 64) * 64) for side in (width, height)]
        told.append(f"最后才是 / only then resolution: {width}×{height} → {smaller[0]}×{smaller[1]}")
    return told or ["用更大的显卡或更小的基座 / a larger card or a smaller base"]
