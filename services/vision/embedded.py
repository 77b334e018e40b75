"""The embedded vision base: a small latent diffusion model that colours a posed template by a caption.

Layout of Stable Diffusion (text encoder, UNet, codec, scheduler, in a pipeline's directory), the template's latents
beside the noise (`conv_in` takes both). It gives colour and light by region at a low resolution; the crisp layers
of the template finish a look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from services.vision.codec import BlockCodec
from services.vision.regions import Picture, template

BASE_DIR = Path(__file__).parent / "base"
GUIDANCE = 1.5
STEPS = 6


class BaseUnusable(Exception):
    """The base's directory cannot be loaded; the message says the cause and the mend."""


class Cancelled(Exception):
    """The caller no longer wants the picture."""


class EmbeddedPipeline(DiffusionPipeline):
    """The base's parts and the loop over its scheduler."""

    tokenizer: PreTrainedTokenizerFast
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    codec: BlockCodec
    scheduler: DDIMScheduler

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text_encoder: CLIPTextModel,
        unet: UNet2DConditionModel,
        codec: BlockCodec,
        scheduler: DDIMScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer, text_encoder=text_encoder, unet=unet, codec=codec, scheduler=scheduler
        )

    @classmethod
    def load(
        cls, folder: Path = BASE_DIR, *, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Self:
        """The pipeline of a directory, ready to generate.

        Raises:
            BaseUnusable: a part is missing or broken.
        """
        if not (folder / "model_index.json").is_file():
            raise BaseUnusable(f"{folder} holds no model_index.json; name a base's directory")
        try:
            loaded = cls.from_pretrained(str(folder), local_files_only=True, dtype=dtype)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise BaseUnusable(f"{folder} cannot be loaded: {error}; restore its files") from error
        pipeline: Self = loaded.to(device)
        for part in (*pipeline.bankable_modules().values(), pipeline.codec):
            part.eval().requires_grad_(False)
        return pipeline

    def bankable_modules(self) -> dict[str, nn.Module]:
        """The modules that adapters may change."""
        return {"unet": self.unet, "text_encoder": self.text_encoder}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures that it makes."""
        sample = self.unet.config.sample_size
        height, width = sample if isinstance(sample, (list, tuple)) else (sample, sample)
        return width * self.codec.block, height * self.codec.block

    def tokens(self, prompts: Sequence[str]) -> Tensor:
        """Token ids of prompts, padded to the encoder's length, [N, length]."""
        encoded = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.text_encoder.config.max_position_embeddings,
            return_tensors="pt",
        )
        ids: Tensor = encoded.input_ids
        return ids.to(self.unet.device)

    def template_latents(self, templates: Sequence[Path | Picture]) -> Tensor:
        """Latents of posed templates (looks' folders, or pictures 0..1 [H, W, 3]), [N, channels, h, w]."""
        width, height = self.size
        pictures = [
            template(one, width=width, height=height) if isinstance(one, Path) else _fit(one, width, height)
            for one in templates
        ]
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) * 2 - 1
        return self.codec.encode(batch.to(self.unet.device, self.codec.dtype))

    @torch.inference_mode()
    def generate(
        self,
        *,
        templates: Path | Picture | Sequence[Path | Picture],
        prompts: Sequence[str],
        negatives: Sequence[str] | None = None,
        seeds: Sequence[int] | None = None,
        guidance: float = GUIDANCE,
        steps: int = STEPS,
        images_per_prompt: int = 1,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> NDArray[np.float32]:
        """Low-resolution pictures, sRGB 0..1, [N × images_per_prompt, H, W, 3], a prompt's pictures together.

        The text encoder and the UNet see batches [N × images without the prompt, N × images with it] (the second
        half alone when `guidance` is at most 1): bind a bank's rows round the call with the same `images_per_prompt`
        and `guidance=guidance > 1`. A picture depends on its own seed, not on its neighbours.

        Raises:
            Cancelled: `cancelled` said so between two steps.
        """
        count = len(prompts)
        shown = [templates] if isinstance(templates, (Path, np.ndarray)) else list(templates)
        shown = shown * count if len(shown) == 1 else shown
        negatives = [""] * count if negatives is None else negatives
        seeds = range(count) if seeds is None else seeds
        if not len(shown) == len(negatives) == len(seeds) == count:
            raise ValueError("give a template, a negative prompt and a seed for each prompt")
        pose = self.template_latents(shown).to(self.unet.dtype).repeat_interleave(images_per_prompt, 0)
        guided = guidance > 1
        texts = [text for text in prompts for _ in range(images_per_prompt)]
        if guided:
            texts = [text for text in negatives for _ in range(images_per_prompt)] + texts
            pose = torch.cat([pose, pose])
        hidden = self.text_encoder(self.tokens(texts)).last_hidden_state
        latents = self._noise(seeds, images_per_prompt)
        self.scheduler.set_timesteps(steps, device=self.unet.device)
        for moment in self.scheduler.timesteps:
            if cancelled():
                raise Cancelled
            noisy = torch.cat([latents, latents]) if guided else latents
            out = self.unet(torch.cat([noisy, pose], dim=1), moment, encoder_hidden_states=hidden).sample
            if guided:
                without, with_prompt = out.chunk(2)
                out = without + guidance * (with_prompt - without)
            latents = self.scheduler.step(out.float(), moment, latents.float()).prev_sample.to(
                self.unet.dtype
            )
        pictures = self.codec.decode(latents.to(self.codec.dtype)).float().clamp(-1, 1) / 2 + 0.5
        return np.ascontiguousarray(pictures.permute(0, 2, 3, 1).cpu().numpy(), dtype=np.float32)

    def _noise(self, seeds: Sequence[int], images: int) -> Tensor:
        """The first latents: each picture's from its prompt's seed and its own number."""
        width, height = self.size
        block = self.codec.block
        shape = (self.codec.config.channels, height // block, width // block)
        rows = [
            torch.randn(shape, generator=torch.Generator().manual_seed((seed * 1009 + image) % 2**63))
            for seed in seeds
            for image in range(images)
        ]
        return torch.stack(rows).to(self.unet.device, self.unet.dtype)


def _fit(picture: Picture, width: int, height: int) -> Picture:
    """A template's picture at the base's size."""
    import cv2

    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def new_scheduler() -> DDIMScheduler:
    """The schedule that the base is trained with: v-prediction, zero terminal signal."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )
