"""Stable Diffusion 1.x and SDXL as bases to train on, from a directory in diffusers' layout, with no hub access."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from torch import Tensor, nn

from services.model_directory import VISION_PIPELINES
from services.training.buckets import Bucket, make_buckets
from services.training.faults import TrainingFailed
from services.training.pictures import PreparedPicture, crop_box
from services.training.precision import Precision
from services.training.visual_bases import Extra, Pixels, Rows
from services.training.visual_noise import Prediction

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
BUCKET_STEP = 64
SAMPLES, SAMPLE_STEPS, GUIDANCE = 2, 16, 7.0  # few: they cost as much as a fifth of the training
FLAT = 2.0  # spread of a picture's numbers, of 255, below which it shows nothing


class DiffusersBase:
    """A Stable Diffusion pipeline, frozen."""

    def __init__(self, pipeline: Any, folder: Path, name: str, precision: Precision, *, xl: bool) -> None:
        self._pipe, self._xl, self._precision = pipeline, xl, precision
        self.folder, self.name = folder, name
        self.trains_text, self.text_format, self.at_once = False, precision.name, 1
        self.samples = SAMPLES
        self.targets: tuple[str, ...] = (*TARGETS, *TEXT_TARGETS)
        plan = DDIMScheduler.from_config(pipeline.scheduler.config)
        self.prediction: Prediction = plan.config.prediction_type
        self.signal = plan.alphas_cumprod.to(precision.device)
        pipeline.scheduler = plan

    @classmethod
    def load(cls, folder: Path, name: str, precision: Precision) -> Self:
        """Reads a pipeline's directory: UNet and text encoders in the run's precision, the VAE in float32.

        Raises:
            TrainingFailed: it is torn, or a kind that adapters are not trained on.
        """
        index = json.loads((folder / "model_index.json").read_bytes())
        kind = str(index["_class_name"])
        if "LatentConsistency" in kind:
            raise TrainingFailed(
                f"{folder} 是 LCM 蒸馏模型，不能直接训练 / is a distilled LCM, which cannot be trained on",
                "在它的原底模上训练 / train on the model it was distilled from",
            )
        xl = VISION_PIPELINES[kind] == "sdxl"
        options: dict[str, Any] = {
            "local_files_only": True, "use_safetensors": True,
            "dtype": {"default": precision.base, "vae": torch.float32},
            "variant": "fp16" if any((folder / "unet").glob("*.fp16.safetensors")) else None,
        }  # fmt: skip
        if not xl:
            options |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        made: Any = StableDiffusionXLPipeline if xl else StableDiffusionPipeline
        try:
            pipeline = made.from_pretrained(str(folder), **options)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise TrainingFailed(
                f"{folder} 读不进来 / cannot be loaded: {str(error)[:400]}",
                "重新下载这个文件夹 / download the directory again",
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        base = cls(pipeline, folder, name, precision, xl=xl)
        for part in (*base.modules.values(), pipeline.vae):
            part.eval().requires_grad_(False).to(precision.device)
        return base

    @property
    def modules(self) -> dict[str, nn.Module]:
        """UNet and every text encoder."""
        names = ("unet", "text_encoder", "text_encoder_2") if self._xl else ("unet", "text_encoder")
        return {name: getattr(self._pipe, name) for name in names}

    def buckets(self, resolution: tuple[int, int] | None) -> tuple[Bucket, ...]:
        """Buckets around the resolution; the base's own is what its UNet was made for."""
        shrink = self._pipe.vae_scale_factor
        if resolution is None:
            side = max(1, round(self._side * shrink / BUCKET_STEP)) * BUCKET_STEP
            resolution = (side, side)
        try:
            return make_buckets(*resolution, step=BUCKET_STEP)
        except ValueError as error:
            raise TrainingFailed(str(error), "改 resolution / set resolution") from error

    @property
    def _side(self) -> int:
        sample = self._pipe.unet.config.sample_size
        return int(sample if isinstance(sample, int) else max(sample))

    @torch.no_grad()
    def see(self, pictures: Sequence[PreparedPicture]) -> list[dict[str, Tensor]]:
        """`moments` [2C, h, w] of the VAE's posterior in float32; for SDXL `sizes`, its six numbers of a picture."""
        vae = self._pipe.vae
        pixels = torch.from_numpy(np.stack([one.pixels() for one in pictures])).permute(0, 3, 1, 2)
        with _exact(self._precision):
            posterior = vae.encode((pixels.float() / 127.5 - 1).to(vae.device)).latent_dist
        moments = torch.cat([posterior.mean, posterior.logvar], 1).float().cpu()
        if not bool(moments.isfinite().all()):
            raise TrainingFailed(
                "VAE 算出了非数 / the VAE gives numbers that are not finite",
                "换一个 VAE 完好的底模 / use a base whose VAE is sound",
            )
        seen = [{"moments": one} for one in moments]
        if self._xl:
            for one, picture in zip(seen, pictures, strict=True):
                one["sizes"] = torch.tensor(_sizes(picture), dtype=torch.float32)
        return seen

    @torch.no_grad()
    def read(self, captions: Sequence[str]) -> list[dict[str, Tensor]]:
        """`hidden` [77, D] of each caption; for SDXL `pooled` too."""
        with self._precision.cast():
            words = self.words(captions)
        return [{name: value[at].cpu() for name, value in words.items()} for at in range(len(captions))]

    def words(self, captions: Sequence[str]) -> Rows:
        """Hidden states: the last of SD 1.x's encoder, the last but one of both of SDXL's side by side."""
        pipe, device = self._pipe, self._precision.device
        if not self._xl:
            ids = _tokens(pipe.tokenizer, captions).to(device)
            return {"hidden": pipe.text_encoder(ids).last_hidden_state}
        hidden: list[Tensor] = []
        pooled: Tensor | None = None
        for tokenizer, encoder in (
            (pipe.tokenizer, pipe.text_encoder),
            (pipe.tokenizer_2, pipe.text_encoder_2),
        ):
            out = encoder(_tokens(tokenizer, captions).to(device), output_hidden_states=True)
            hidden.append(out.hidden_states[-2])
            pooled = out[0]
        assert pooled is not None
        both = torch.cat(hidden, -1)
        if pipe.config.force_zeros_for_empty_prompt:  # SDXL knows no caption as zeros, not as an empty text
            said = torch.tensor([bool(one) for one in captions], device=device)
            both, pooled = both * said[:, None, None], pooled * said[:, None]
        return {"hidden": both, "pooled": pooled}

    def learns(self, album: Sequence[Mapping[str, Tensor]]) -> list[bool]:
        """Every picture."""
        return [True] * len(album)

    def extras(
        self, album: Sequence[Mapping[str, Tensor]], trigger_words: Sequence[str], seed: int
    ) -> list[Extra]:
        """None: what a real base knows of other captions is its own."""
        return []

    def times(self, count: int) -> Tensor:
        """Noise levels, all alike."""
        return torch.randint(0, len(self.signal), (count,), device=self.signal.device)

    def vary(self, seen: Rows) -> Rows:
        """As it is: pictures vary by their noise alone."""
        return seen

    def latents(self, seen: Rows) -> Tensor:
        """Latents drawn from the VAE's posterior, scaled as the UNet takes them."""
        mean, spread = seen["moments"].chunk(2, 1)
        drawn = mean + (0.5 * spread).exp() * torch.randn_like(mean)
        return drawn * self._pipe.vae.config.scaling_factor

    def predict(self, noisy: Tensor, times: Tensor, words: Rows, seen: Rows) -> Tensor:
        """The UNet's output, float32."""
        unet = self._pipe.unet
        hidden = words["hidden"].to(unet.dtype)
        added = None
        if self._xl:
            added = {"text_embeds": words["pooled"].to(unet.dtype), "time_ids": seen["sizes"].to(unet.dtype)}
        out: Tensor = unet(
            noisy.to(unet.dtype), times, encoder_hidden_states=hidden, added_cond_kwargs=added
        ).sample
        return out.float()

    def also(self, error: Tensor, times: Tensor, seen: Rows) -> Tensor | None:
        """Nothing beside the error itself."""
        return None

    def settle(self, album: Sequence[Mapping[str, Tensor]], *, text: bool) -> None:
        """The VAE, and with `text` the text encoders, go to main memory."""
        self._pipe.vae.to("cpu")
        if text:
            for name, part in self.modules.items():
                if name != "unet":
                    part.to("cpu")
        if self._precision.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.no_grad()
    def paint(self, prompts: Sequence[str], seeds: Sequence[int], size: Bucket) -> list[Pixels]:
        """Sample pictures by DDIM from noise alone, one at a time."""
        painted = []
        with self._whole():
            for prompt, seed in zip(prompts, seeds, strict=True):
                latents = self._pipe(
                    prompt=prompt, width=size.width, height=size.height, num_inference_steps=SAMPLE_STEPS,
                    guidance_scale=GUIDANCE, generator=torch.Generator().manual_seed(seed), output_type="latent",
                ).images  # fmt: skip
                painted.append(self._shown(latents))
        return painted

    def _shown(self, latents: Tensor) -> Pixels:
        """One picture of latents; the VAE computes in float32 whatever the run does."""
        vae = self._pipe.vae
        with _exact(self._precision):
            picture = vae.decode(latents.float() / vae.config.scaling_factor).sample[0]
        shown = (picture.clamp(-1, 1) / 2 + 0.5).nan_to_num().permute(1, 2, 0).cpu().numpy()
        return np.ascontiguousarray((shown * 255).round().astype(np.uint8))

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Every part on the device, for as long as it takes to paint."""
        parts = [self._pipe.vae, *self.modules.values()]
        homes = [next(part.parameters()).device for part in parts]
        try:
            for part in parts:
                part.to(self._precision.device)
            yield
        finally:
            for part, home in zip(parts, homes, strict=True):
                part.to(home)

    def faults(self, pictures: Sequence[Pixels]) -> list[str]:
        """Pictures that show nothing."""
        flat = sum(float(one.std()) < FLAT for one in pictures)
        if not flat:
            return []
        return [f"{flat} 张样图是一片纯色 / {flat} sample pictures are of one flat colour"]


def _tokens(tokenizer: Any, captions: Sequence[str]) -> Tensor:
    ids: Tensor = tokenizer(
        list(captions), padding="max_length", truncation=True, max_length=tokenizer.model_max_length,
        return_tensors="pt",
    ).input_ids  # fmt: skip
    return ids


def _sizes(one: PreparedPicture) -> tuple[int, ...]:
    """SDXL's micro-conditions: the picture's own height and width, where the crop begins, the crop's height and width."""
    width, height = one.picture.width, one.picture.height
    scale = max(one.bucket.width / width, one.bucket.height / height)
    left, top, _, _ = crop_box(width, height, one.bucket)
    return height, width, round(top * scale), round(left * scale), one.bucket.height, one.bucket.width


def _exact(precision: Precision) -> Any:
    """No autocast: a VAE overflows in half precision."""
    return torch.autocast(precision.device.type, enabled=False)
