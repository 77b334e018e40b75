"""A run's checkpoints: weights, optimiser, scaler and all that was seen, each written whole; the last two stay.

CannotResume    (services.training.faults) there are checkpoints, but none that can be read or that fits
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from services.training.faults import CannotResume
from services.training.history import History
from services.training.whole_file import write_whole

FORMAT = 1
KEPT = 2


@dataclass
class Best:
    """The weights of the lowest validation loss so far."""

    step: int
    validation: float
    weights: dict[str, Tensor]


@dataclass
class State:
    """How far a run is: steps done, seconds spent (`busy_s` of them in steps), samples and losses seen, best weights."""

    step: int = 0
    elapsed_s: float = 0.0
    busy_s: float = 0.0
    samples: int = 0
    history: History = field(default_factory=History)
    best: Best | None = None


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the trained weights, on the CPU."""
    return {name: one.detach().to("cpu", copy=True) for name, one in trainable(model).items()}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights that `weights_of` gave back into a model.

    Raises:
        CannotResume: names or shapes are not the model's.
    """
    mine = trainable(model)
    if {name: tuple(one.shape) for name, one in mine.items()} != {
        name: tuple(one.shape) for name, one in weights.items()
    }:
        raise CannotResume(
            "存档中的权重与模型不符 / the checkpoint's weights are not this model's",
            "用 resume: false 重新开始 / begin anew with resume: false",
        )
    with torch.no_grad():
        for name, one in mine.items():
            one.copy_(weights[name])


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints in a folder. `owner` names what they belong to (recipe, data, base): only such fit."""

    folder: Path
    owner: str

    def files(self) -> list[Path]:
        """Whole checkpoints, newest first."""
        return sorted(self.folder.glob("step-*.pt"), reverse=True)

    def save(
        self, state: State, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
    ) -> Path:
        """Write the state after `state.step` steps, and drop all but the last two.

        Raises:
            DiskFull: it cannot be written; the ones before it stay.
        """
        best = state.best
        packed = {
            "format": FORMAT,
            "owner": self.owner,
            "step": state.step,
            "elapsed_s": state.elapsed_s,
            "busy_s": state.busy_s,
            "samples": state.samples,
            "history": state.history.packed(),
            "best": best and {"step": best.step, "validation": best.validation, "weights": best.weights},
            "weights": weights_of(model),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
        }
        stream = io.BytesIO()
        torch.save(packed, stream)
        file = self.folder / f"step-{state.step:08d}.pt"
        write_whole(file, stream.getvalue())
        for old in self.files()[KEPT:]:
            with suppress(OSError):
                old.unlink()
        return file

    def load(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
    ) -> State | None:
        """Put the newest whole checkpoint into model, optimiser and scaler; None where there is none.

        Raises:
            CannotResume: none can be read, or the newest belongs to something else.
        """
        files = self.files()
        for file in files:
            packed = _read(file)
            if packed is None:
                continue
            if packed["owner"] != self.owner:
                raise CannotResume(
                    f"{file} 属于另一份数据或另一个基座 / {file} belongs to other data or another base",
                    "数据或基座在停止后变了：用 resume: false 重新开始 / "
                    "data or base changed since it stopped: begin anew with resume: false",
                )
            load_weights(model, packed["weights"])
            optimizer.load_state_dict(packed["optimizer"])
            scaler.load_state_dict(packed["scaler"])
            best = packed["best"]
            return State(
                step=packed["step"],
                elapsed_s=packed["elapsed_s"],
                busy_s=packed["busy_s"],
                samples=packed["samples"],
                history=History.unpacked(packed["history"]),
                best=best and Best(**best),
            )
        if files:
            raise CannotResume(
                f"{self.folder} 中的存档都已损坏 / every checkpoint in {self.folder} is damaged",
                "用 resume: false 重新开始 / begin anew with resume: false",
            )
        return None


def _read(file: Path) -> dict[str, Any] | None:
    """A checkpoint's content, or None where it is damaged or of another format."""
    try:
        packed = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # torch raises anything for a damaged file; the one before it may be whole
        return None
    return packed if isinstance(packed, dict) and packed.get("format") == FORMAT else None
