"""The embedded base as a painter: colour and light by region at a low resolution, several seeds together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from services.vision.embedded import STEPS, BaseUnusable, Cancelled, EmbeddedPipeline
from services.vision.painter import Order, Painted, PainterSettings, PaintFailed, Rows, device_of, stopped
from services.vision.template import Template

if TYPE_CHECKING:
    from torch import nn

IMAGES = 4  # seeds taken together: what they agree on is the prompt's, the rest is noise
MIN_STEPS, MAX_STEPS = 2, 100


class EmbeddedPainter:
    """Paints with the project's own small base."""

    name = "embedded"
    face_least = 0.45  # it keeps 0.9 and more of a face that it is shown in ordinary light
    detail = False

    def __init__(self, pipeline: EmbeddedPipeline) -> None:
        self._pipeline = pipeline
        self._stopped = threading.Event()

    @classmethod
    def load(cls, settings: PainterSettings) -> Self:
        """Load the base's directory.

        Raises:
            PaintFailed: it cannot be loaded.
        """
        device = device_of(settings.device)
        dtype = torch.float32
        if settings.dtype != "auto":
            dtype = getattr(torch, settings.dtype)
        try:
            return cls(EmbeddedPipeline.load(settings.base, device=device, dtype=dtype))
        except BaseUnusable as error:
            raise PaintFailed(str(error), "restore services/vision/base or name another directory") from error

    def modules(self) -> dict[str, nn.Module]:
        """UNet and text encoder."""
        return self._pipeline.bankable_modules()

    @torch.inference_mode()
    def paint(self, order: Order, template: Template, rows: Rows) -> Painted:
        """Several low-resolution pictures of one order, and the template through the same codec.

        `order.strength` is the finish's: the base always paints the prompt in full.
        """
        guided = order.guidance > 1
        steps = min(max(order.steps or STEPS, MIN_STEPS), MAX_STEPS)
        try:
            with rows([order.adapter], IMAGES, guided):
                pictures = self._pipeline.generate(
                    templates=template.flat, prompts=[order.prompt], negatives=[order.negative],
                    seeds=[order.seed], guidance=order.guidance, steps=steps, images_per_prompt=IMAGES,
                    cancelled=self._stopped.is_set,
                )  # fmt: skip
        except Cancelled as error:
            raise stopped() from error
        latents = self._pipeline.template_latents([template.flat])
        shown = self._pipeline.codec.decode(latents).float().clamp(-1, 1) / 2 + 0.5
        return Painted(pictures, np.ascontiguousarray(shown[0].permute(1, 2, 0).cpu().numpy(), np.float32))

    def stop(self) -> None:
        """Give up the picture under way."""
        self._stopped.set()

    @torch.inference_mode()
    def canary(self, adapters: list[str], rows: Rows) -> Tensor:
        """The UNet's output for one prompt and one noise under each adapter."""
        pipeline, count = self._pipeline, len(adapters)
        unet = pipeline.unet
        sample = unet.config.sample_size
        sides = tuple(sample) if isinstance(sample, (list, tuple)) else (sample, sample)
        noise = torch.randn((1, unet.config.in_channels, *sides), generator=torch.Generator().manual_seed(7))
        noise = noise.to(unet.device, unet.dtype).repeat(count, 1, 1, 1)
        with rows(adapters, 1, False):
            hidden = pipeline.text_encoder(pipeline.tokens(["主播 host"] * count)).last_hidden_state
            out: Tensor = unet(noise, 500, encoder_hidden_states=hidden).sample
        return out.float()
