"""Real bases as painters: Stable Diffusion 1.x, SDXL, and their turbo and LCM variants, by image-to-image.

A directory in diffusers' layout is loaded as it stands, with no hub access. Few-step variants are
known by their scheduler and get their own defaults.
"""

from __future__ import annotations

import json
import math
import threading
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import torch
from diffusers import (
    LatentConsistencyModelImg2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from torch import Tensor

from services.model_directory import VISION_PIPELINES, check_vision_base
from services.vision.colour import Floats
from services.vision.painter import Order, Painted, PainterSettings, PaintFailed, Rows, device_of, stopped
from services.vision.template import Template

if TYPE_CHECKING:
    from torch import nn

# The wire's strength 1 is the most that a look may leave its template: with more, no pose is kept.
STRENGTH_MOST = 0.6
STEPS, FEW_STEPS = 30, 4  # denoising steps that are really taken
MAX_STEPS = 100


class DiffusersPainter:
    """Paints with a Stable Diffusion pipeline."""

    face_least = 0.3
    detail = True

    def __init__(self, pipeline: Any, *, xl: bool, few: bool, size: tuple[int, int]) -> None:
        self._pipe = pipeline
        self._xl, self._few, self._size = xl, few, size
        self._stopped = threading.Event()
        self.name = f"{'sdxl' if xl else 'sd'}{', few steps' if few else ''}"

    @classmethod
    def load(cls, settings: PainterSettings) -> Self:
        """Load a pipeline's directory.

        Raises:
            PaintFailed: it is not whole, or no pipeline that this engine runs.
        """
        problems = check_vision_base(settings.base)
        if problems:
            raise PaintFailed("; ".join(problems), "`livehost check` lists the same")
        index = json.loads((settings.base / "model_index.json").read_bytes())
        kind = VISION_PIPELINES[index["_class_name"]]
        device = device_of(settings.device)
        dtype = torch.float16 if device.startswith("cuda") else torch.float32
        if settings.dtype != "auto":
            dtype = getattr(torch, settings.dtype)
        variant = "fp16" if any((settings.base / "unet").glob("*.fp16.safetensors")) else None
        options: dict[str, Any] = {
            "local_files_only": True, "use_safetensors": True, "dtype": dtype, "variant": variant,
        }  # fmt: skip
        few = _few_steps(index, settings)
        kinds: dict[str, Any] = {
            "sd": StableDiffusionImg2ImgPipeline,
            "sdxl": StableDiffusionXLImg2ImgPipeline,
        }
        made = kinds[kind]
        if "LatentConsistency" in index["_class_name"]:
            made = LatentConsistencyModelImg2ImgPipeline
        if kind == "sd":
            options |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        try:
            pipe = made.from_pretrained(str(settings.base), **options).to(device)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise PaintFailed(
                f"{settings.base} cannot be loaded: {str(error)[:400]}", "download the directory again"
            ) from error
        pipe.set_progress_bar_config(disable=True)
        for part in (pipe.unet, pipe.vae, pipe.text_encoder, getattr(pipe, "text_encoder_2", None)):
            if part is not None:
                part.eval().requires_grad_(False)
        return cls(pipe, xl=kind == "sdxl", few=few, size=_size(pipe))

    def modules(self) -> dict[str, nn.Module]:
        """UNet and every text encoder."""
        names = ("unet", "text_encoder", "text_encoder_2")
        return {name: part for name in names if (part := getattr(self._pipe, name, None)) is not None}

    @torch.inference_mode()
    def paint(self, order: Order, template: Template, rows: Rows) -> Painted:
        """One picture by image-to-image from the template's, seen through the same codec for comparison."""
        width, height = self._size
        posed = cv2.resize(template.flat, (width, height), interpolation=cv2.INTER_AREA)
        guided = order.guidance > 1 and not self._few
        strength = min(max(order.strength, 0.05), 1.0) * STRENGTH_MOST
        taken = min(order.steps or (FEW_STEPS if self._few else STEPS), MAX_STEPS)
        texts = self._texts(order, rows, guided)
        with rows([order.adapter], 1, guided):
            made = self._pipe(
                image=np.ascontiguousarray(posed[None]), strength=strength,
                num_inference_steps=taken if self._lcm else math.ceil(taken / strength),
                guidance_scale=order.guidance if guided or self._lcm else 0.0,
                generator=torch.Generator().manual_seed(order.seed), output_type="np",
                callback_on_step_end=self._after_step, **texts,
            ).images  # fmt: skip
        return Painted(np.asarray(made, np.float32), self._through_codec(posed))

    def stop(self) -> None:
        """Give up the picture under way."""
        self._stopped.set()

    def _after_step(self, pipe: Any, step: int, moment: Any, values: dict[str, Any]) -> dict[str, Any]:
        if self._stopped.is_set():
            raise stopped()
        return values

    @property
    def _lcm(self) -> bool:
        return isinstance(self._pipe, LatentConsistencyModelImg2ImgPipeline)

    def _texts(self, order: Order, rows: Rows, guided: bool) -> dict[str, Any]:
        """The prompt's embeddings. Encoders see one text at a time, so their rows differ from the UNet's."""
        names: tuple[str, ...]
        with rows([order.adapter], 1, False):
            if self._xl:
                made = self._pipe.encode_prompt(
                    order.prompt, None, self._pipe.device, 1, guided,
                    negative_prompt=order.negative if guided else None,
                )  # fmt: skip
                names = (
                    "prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds",
                    "negative_pooled_prompt_embeds",
                )  # fmt: skip
            else:
                made = self._pipe.encode_prompt(
                    order.prompt, self._pipe.device, 1, guided,
                    negative_prompt=order.negative if guided else None,
                )  # fmt: skip
                names = ("prompt_embeds", "negative_prompt_embeds")
        if self._lcm:
            return {"prompt_embeds": made[0]}
        return {name: value for name, value in zip(names, made, strict=True) if value is not None}

    def _through_codec(self, posed: Floats) -> Floats:
        vae = self._pipe.vae
        batch = torch.from_numpy(posed).permute(2, 0, 1)[None] * 2 - 1
        upcast = self._xl and vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
        if upcast:
            vae.to(torch.float32)
        latents = vae.encode(batch.to(vae.device, vae.dtype)).latent_dist.mode()
        shown = vae.decode(latents).sample.float().clamp(-1, 1) / 2 + 0.5
        if upcast:
            vae.to(torch.float16)
        return np.ascontiguousarray(shown[0].permute(1, 2, 0).cpu().numpy(), np.float32)

    @torch.inference_mode()
    def canary(self, adapters: list[str], rows: Rows) -> Tensor:
        """The UNet's output for one prompt and one noise under each adapter."""
        unet, count = self._pipe.unet, len(adapters)
        noise = torch.randn((1, unet.config.in_channels, 16, 16), generator=torch.Generator().manual_seed(7))
        noise = noise.to(unet.device, unet.dtype).repeat(count, 1, 1, 1)
        extra: dict[str, Any] = {}
        with rows(adapters, 1, False):
            if self._xl:
                hidden, _, pooled, _ = self._pipe.encode_prompt(
                    ["host"] * count, None, self._pipe.device, 1, False
                )
                times = torch.tensor([[128, 128, 0, 0, 128, 128]], device=unet.device, dtype=hidden.dtype)
                extra["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": times.repeat(count, 1)}
            else:
                hidden, _ = self._pipe.encode_prompt(["host"] * count, self._pipe.device, 1, False)
            if unet.config.time_cond_proj_dim:
                size = (count, unet.config.time_cond_proj_dim)
                extra["timestep_cond"] = torch.zeros(size, device=unet.device, dtype=unet.dtype)
            out: Tensor = unet(noise, 500, encoder_hidden_states=hidden, **extra).sample
        return out.float()


def _few_steps(index: dict[str, Any], settings: PainterSettings) -> bool:
    """Whether the base is a turbo or LCM variant: its scheduler says so."""
    plan = json.loads((settings.base / "scheduler" / "scheduler_config.json").read_bytes())
    name = str(plan.get("_class_name", index.get("scheduler", ["", ""])[1]))
    trailing = plan.get("timestep_spacing") == "trailing"
    return name == "LCMScheduler" or (name.startswith("Euler") and trailing)


def _size(pipe: Any) -> tuple[int, int]:
    """Width and height to paint at: the template's upright shape, near the area the base was trained for."""
    sample = pipe.unet.config.sample_size
    side = (sample if isinstance(sample, int) else max(sample)) * pipe.vae_scale_factor
    unit = 64 if side >= 256 else pipe.vae_scale_factor * 8
    width = side * (0.75 if side > 768 else 1.0)
    return max(unit, round(width / unit) * unit), max(unit, round(width * 16 / 9 / unit) * unit)
