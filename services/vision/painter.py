"""What turns a prompt and a posed template into a picture: one protocol, a painter for each kind of base.

PaintFailed    the base cannot be loaded, or made no picture; says the cause and the mend
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from services.vision.colour import Floats
from services.vision.template import Template

if TYPE_CHECKING:
    from torch import Tensor, nn

# Binds the rows of the forwards inside: (adapter of each prompt, pictures a prompt, guided).
Rows = Callable[[list[str], int, bool], AbstractContextManager[object]]


class PaintFailed(Exception):
    """The base cannot be loaded, or made no picture; `mend` says what to do."""

    def __init__(self, cause: str, mend: str) -> None:
        super().__init__(f"{cause}; {mend}")
        self.cause, self.mend = cause, mend


def stopped() -> PaintFailed:
    """What a painter raises for a picture that was given up."""
    return PaintFailed("the picture was given up: the engine is ending", "ask again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a base. The meaning of the numbers is the base's own (docs/host/looks-made.md)."""

    prompt: str
    negative: str
    seed: int
    strength: float
    guidance: float
    steps: int
    adapter: str  # hash of an adapter in the bank; "" is the bare base


@dataclass(frozen=True, slots=True)
class Painted:
    """The pictures (n, h, w, 3; RGB 0..1) and, where the base can say, the template as it shows it."""

    pictures: Floats
    shown_as: Floats | None


class Painter(Protocol):
    """A base that paints. Only the thread that owns forwards calls it once it is loaded."""

    name: str
    face_least: float  # how far the face that it paints must be drawn as the template's is, 0..1
    detail: bool  # whether its pictures are fine enough to lend the set and the dress their detail

    def modules(self) -> dict[str, nn.Module]:
        """The parts that adapters may change, by the names that adapters' keys begin with."""
        ...

    def paint(self, order: Order, template: Template, rows: Rows) -> Painted:
        """The pictures for an order.

        Raises:
            PaintFailed: the order cannot be painted.
        """
        ...

    def stop(self) -> None:
        """Give up the picture under way at its next step; may be called from any thread."""
        ...

    def canary(self, adapters: list[str], rows: Rows) -> Tensor:
        """One small forward through every part that takes adapters: a row of the output for each adapter,
        all from the same prompt and noise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PainterSettings:
    """Where and how a base is loaded."""

    base: Path
    device: str
    dtype: str


def device_of(name: str) -> str:
    """The device that `auto` means here: the first GPU, else the CPU."""
    import torch

    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def open_painter(kind: str, settings: PainterSettings) -> Painter:
    """Load a base.

    Raises:
        PaintFailed: its directory is missing, torn or of another kind.
    """
    from diffusers.utils import logging as diffusers_log
    from transformers.utils import logging as transformers_log

    diffusers_log.disable_progress_bar()
    transformers_log.disable_progress_bar()
    match kind:
        case "embedded":
            from services.vision.painter_embedded import EmbeddedPainter

            return EmbeddedPainter.load(settings)
        case "diffusers":
            from services.vision.painter_diffusers import DiffusersPainter

            return DiffusersPainter.load(settings)
        case _:
            raise PaintFailed(f"{kind!r} is no vision engine", "use embedded or diffusers")
