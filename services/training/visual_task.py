"""A visual adapter as the training loop sees it: LoRA by peft on a frozen base, and its sample pictures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from services.lora import BankSpec, Layout, base_sha256, layout_of
from services.training.album import AlbumProblems
from services.training.faults import TrainingFailed
from services.training.held_out import picture_digest, seen_rows
from services.training.peft_adapter import facts_of, stage_but_consent, state_of
from services.training.pictures import PreparedPicture, prepare, read_album
from services.training.precision import precision_of
from services.training.recipe_fields import Recipe
from services.training.task import LoraFacts, SampleReport
from services.training.visual_album import Captions, batches, cache_album
from services.training.visual_bases import Pixels, Rows, VisualBase, open_base
from services.training.visual_noise import level_weights, noise_like, noised, wanted

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)  # shares of the schedule at which held-out pictures are measured
CANARY_LEVEL, CANARIES = 0.6, 4
SAMPLE_SEED = 7
THUMB_PX = 16
DIFFERENT = 64.0  # mean difference of two thumbnails, of 255, that counts as altogether different


def open_visual(recipe: Recipe) -> VisualTask:
    """Load a recipe's base and pictures, cache what is frozen of them, and put a fresh adapter on the base.

    Raises:
        TrainingFailed: the base, the pictures or the device cannot be used.
    """
    if recipe.train_data_dir is None:
        raise TrainingFailed(
            "缺 train_data_dir / train_data_dir is missing", "写上图片文件夹 / name the pictures' folder"
        )
    cache_dir = recipe.cache_dir or default_cache()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    precision = precision_of(recipe.device, recipe.mixed_precision)
    try:
        album = read_album(recipe.train_data_dir, recipe.metadata_path, recipe.trigger_words)
        base = open_base(recipe, precision, cache_dir)
        prepared = prepare(album, base.buckets(recipe.resolution), cache_dir, workers=recipe.workers)
        for note in (*album.notes, *prepared.notes):
            print(note, flush=True)
    except AlbumProblems as error:
        raise TrainingFailed("\n".join(error.problems)) from error
    return VisualTask(recipe, base, prepared.pictures, data_sha256=album.sha256, cache_dir=cache_dir)


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/livehost/training`, else in `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "livehost" / "training"


class Parts(nn.Module):
    """The parts of a base that carry LoRA as one module, so that peft's keys name each."""

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class VisualTask:
    """Pictures to learn, held-out ones to measure by, and the base with its adapter (`Task`)."""

    def __init__(
        self,
        recipe: Recipe,
        base: VisualBase,
        pictures: Sequence[PreparedPicture],
        *,
        data_sha256: str,
        cache_dir: Path,
    ) -> None:
        self._recipe, self._base, self._data_sha256 = recipe, base, data_sha256
        given = recipe.train_text_encoder
        self._trains_text = base.trains_text if given is None else given
        self._sha256 = base_sha256(base.folder)
        self._device = base.signal.device
        modules = base.modules
        self._total = sum(p.numel() for part in modules.values() for p in part.parameters())
        parts = {name: part for name, part in modules.items() if name == "unet" or self._trains_text}
        self._targets = _targets(base.targets, parts)
        # Before peft changes the modules' paths.
        self._layout: Layout = layout_of(
            modules, BankSpec(slots=1, max_rank=recipe.lora_rank, targets=self._targets)
        )
        self._prompts = _prompts(recipe, pictures, base.samples)
        self._album = cache_album(
            base, self._sha256, pictures, cache_dir, train_text=self._trains_text, prompts=self._prompts,
            trigger_words=recipe.trigger_words, share=recipe.validation_share, seed=recipe.seed,
        )  # fmt: skip
        self._pictures, self._held = self._album.pictures, self._album.held
        self._sizes, self._captions = self._album.sizes, self._album.captions
        self._worded = Captions.of([one.picture.caption for one in self._pictures], recipe.trigger_words)
        torch.manual_seed(recipe.seed)  # peft draws A at random
        self._peft = _with_adapter(parts, recipe, self._targets)

    @property
    def kind(self) -> Literal["visual"]:
        """The sort of adapter."""
        return "visual"

    @property
    def model(self) -> nn.Module:
        """The UNet, and the text encoders where they are trained, with their adapter."""
        module: nn.Module = self._peft
        return module

    def epoch(self, epoch: int) -> Sequence[Sequence[int]]:
        """Micro-batches of pictures of one size, in a new order each epoch."""
        sizes = self._sizes[: self._album.learned]
        return batches(sizes, size=self._recipe.batch_size, seed=self._recipe.seed, epoch=epoch)

    def loss(self, batch: Sequence[int]) -> Tensor:
        """The mean squared error of what the UNet predicts at random noise levels; some captions are left out."""
        seen = self._base.vary(self._album.seen(batch, self._device))
        gone = (torch.rand(len(batch)) < self._recipe.caption_dropout).tolist()
        captions = ["" if out else self._captions[at] for at, out in zip(batch, gone, strict=True)]
        if self._trains_text:
            captions = [self._worded.shown(one) for one in captions]
        return self._error(seen, self._words(captions), self._base.times(len(batch)))

    def validate(self) -> float | None:
        """The mean loss of the held-out pictures over a few noise levels."""
        first, total, count = self._album.learned, 0.0, 0
        sizes = self._sizes[first:]
        for batch in batches(sizes, size=self._recipe.batch_size, seed=0, epoch=0):
            rows = [first + at for at in batch]
            seen = self._album.seen(rows, self._device)
            words = self._words([self._captions[at] for at in rows])
            for level in LEVELS:
                total += float(self._error(seen, words, self._times(level, len(rows)))) * len(rows)
                count += len(rows)
        return total / count if count else None

    def sample(self, folder: Path, stem: str) -> SampleReport:
        """Paint the recipe's `sample_prompts`, else some of the album's captions, into `<stem>-1.jpg`, …"""
        count = max(self._base.samples, len(self._prompts))
        prompts = [self._prompts[at % len(self._prompts)] for at in range(count)]
        size = Counter(one.bucket for one in self._pictures).most_common(1)[0][0]
        pictures = self._base.paint(prompts, range(SAMPLE_SEED, SAMPLE_SEED + len(prompts)), size)
        files = []
        for at, one in enumerate(pictures, 1):
            files.append(folder / f"{stem}-{at}.jpg")
            Image.fromarray(one).save(files[-1], quality=90)
        faults = self._base.faults(pictures)
        return SampleReport(files=tuple(files), spread=_spread(pictures), collapse="; ".join(faults) or None)

    def state(self) -> dict[str, Tensor]:
        """The adapter's tensors by peft's keys."""
        return state_of(self._peft)

    def lora(self) -> LoraFacts:
        """What it is, for the card."""
        return facts_of(
            self._peft,
            self._recipe,
            targets=self._targets,
            total=self._total,
            base_name=self._base.name,
            base_sha256=self._sha256,
            data_sha256=self._data_sha256,
            rows=len(self._pictures),
            held_rows=len(self._held),
        )

    def changed(self) -> float:
        """How far the adapter moves the UNet's output on some of the album's pictures: the difference's norm over the
        output's."""
        first = self._pictures[0].bucket
        rows = [at for at, one in enumerate(self._pictures) if one.bucket == first][:CANARIES]
        seen, captions = self._album.seen(rows, self._device), [self._captions[at] for at in rows]
        with torch.no_grad():
            worn, noise = self._canary(seen, captions, None)
            with self._peft.disable_adapter():
                bare, _ = self._canary(seen, captions, noise)
        return float((worn - bare).norm() / bare.norm().clamp(min=1e-9))

    def stage(self, folder: Path) -> None:
        """Have the bank's staging check the finished folder; a consent that is not there yet is no fault of it.

        Raises:
            StagingFailed: the bank would not take it.
        """
        stage_but_consent(folder, self._layout, base_sha256=self._sha256, kind="visual")

    def seen(self) -> list[str]:
        """The digests of what is learned from, for `training.json`: it is never evaluated on them."""
        return seen_rows(picture_digest(one.picture.sha256) for one in self._pictures)

    def _words(self, captions: Sequence[str]) -> Rows:
        if self._trains_text:
            return self._base.words(captions)
        return self._album.words(captions, self._device)

    def _times(self, level: float, count: int) -> Tensor:
        return torch.full((count,), int(level * len(self._base.signal)), device=self._device)

    def _error(self, seen: Rows, words: Rows, times: Tensor) -> Tensor:
        """The loss of a batch at its noise levels, with noise from torch's global generator."""
        base, recipe = self._base, self._recipe
        latents = base.latents(seen)
        noise = noise_like(latents, offset=recipe.noise_offset)
        signal = base.signal[times]
        out = base.predict(noised(latents, noise, signal), times, words, seen)
        error = out - wanted(latents, noise, signal, base.prediction)
        weights = level_weights(signal, base.prediction, recipe.min_snr_gamma)
        loss = (error.square().mean((1, 2, 3)) * weights).mean()
        also = base.also(error, times, seen)
        return loss if also is None else loss + also

    def _canary(self, seen: Rows, captions: Sequence[str], noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """The UNet's output for some rows, and the noise that it saw."""
        noise = torch.randn_like(self._base.latents(seen)) if noise is None else noise
        times = self._times(CANARY_LEVEL, len(captions))
        return self._base.predict(noise, times, self._words(captions), seen), noise


def _with_adapter(parts: Mapping[str, nn.Module], recipe: Recipe, targets: Sequence[str]) -> Any:
    """The parts with a fresh LoRA on the targets, its own numbers in float32."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        Parts(parts),
        LoraConfig(
            r=recipe.lora_rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.lora_dropout,
            target_modules=list(targets),
        ),
    )
    for one in model.parameters():
        if one.requires_grad:
            one.data = one.data.float()
    if recipe.gradient_checkpointing:
        for name, part in parts.items():
            if name == "unet":
                part.enable_gradient_checkpointing()
            else:
                part.activation_checkpointing_enable()
    return model


def _targets(wanted: Sequence[str], parts: Mapping[str, nn.Module]) -> tuple[str, ...]:
    """Those of the base's usual targets that the trained parts have."""
    paths = [f".{path}" for part in parts.values() for path, _ in part.named_modules()]
    return tuple(one for one in wanted if any(path.endswith(f".{one}") for path in paths))


def _prompts(recipe: Recipe, pictures: Sequence[PreparedPicture], most: int) -> tuple[str, ...]:
    """What is painted while it trains: the recipe's prompts, else the trigger words and some captions."""
    if recipe.sample_prompts:
        return recipe.sample_prompts
    trigger = [" ".join(recipe.trigger_words)] if recipe.trigger_words else []
    return tuple(dict.fromkeys([*trigger, *(one.picture.caption for one in pictures)]))[:most]


def _spread(pictures: Sequence[Pixels]) -> float | None:
    """How different pictures are, 0 to 1: the mean difference of two thumbnails. None for a single picture."""
    thumbs = [
        np.asarray(Image.fromarray(one).resize((THUMB_PX, THUMB_PX), Image.Resampling.BOX), np.float32)
        for one in pictures
    ]
    apart = [float(np.abs(one - two).mean()) for one, two in combinations(thumbs, 2)]
    return min(1.0, sum(apart) / len(apart) / DIFFERENT) if apart else None
