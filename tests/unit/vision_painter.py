"""A scripted painter: recolours the template by region as it is told, so that a test knows what must come out."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from services.vision import colour
from services.vision.colour import Floats
from services.vision.painter import Order, Painted, Rows
from services.vision.template import Template

LAB = dict[str, tuple[float, float, float]]


def recoloured(
    template: Template, wanted: LAB, *, size: tuple[int, int] = (72, 128), noise: float = 0.0, count: int = 2
) -> Floats:
    """The template with each region of `wanted` in that mean colour (Lab), at a small size, a little noisy."""
    lab = colour.to_lab(template.flat)
    for region, goal in wanted.items():
        seen = template.regions[region][..., None]
        mean = (lab * seen).sum(axis=(0, 1)) / seen.sum()
        goal_lab = np.array(goal, np.float32)
        lab = (
            lab + seen * (goal_lab - mean)
            if region in ("skin", "set")
            else (
                lab * (1 - seen) + seen * (goal_lab + (lab - mean) * np.array([0.6, 0.25, 0.25], np.float32))
            )
        )
    small = cv2.resize(colour.to_rgb(lab), size, interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(1)
    blots = [
        cv2.GaussianBlur(random.normal(0, 1, small.shape).astype(np.float32), (0, 0), 2.0) * 5 * noise
        for _ in range(count)
    ]
    return np.stack([np.clip(small + blot, 0, 1) for blot in blots]).astype(np.float32)


class ScriptedPainter:
    """Paints what `pictures` holds; an exception in it is raised. Not a model: adapters change nothing."""

    name = "scripted"
    face_least = 0.3
    detail = False

    def __init__(self, *pictures: Floats | Exception) -> None:
        self._pictures = list(pictures)
        self.orders: list[Order] = []
        self._module = torch.nn.ModuleDict({"to_q": torch.nn.Linear(4, 4)})

    def modules(self) -> dict[str, torch.nn.Module]:
        """One small layer."""
        return {"unet": self._module}

    def paint(self, order: Order, template: Template, rows: Rows) -> Painted:
        """The next picture of the script; the last one again and again."""
        self.orders.append(order)
        made = self._pictures.pop(0) if len(self._pictures) > 1 else self._pictures[0]
        if isinstance(made, Exception):
            raise made
        return Painted(made, None)

    def stop(self) -> None:
        """Nothing takes long here."""

    def canary(self, adapters: list[str], rows: Rows) -> torch.Tensor:
        """Rows that differ."""
        return torch.arange(1.0, len(adapters) + 1)[:, None]
