"""The bases that a visual adapter is trained on, behind one protocol: Stable Diffusion, SDXL, the embedded base.

A base takes a directory; a single checkpoint is turned into one first (visual_single_file).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from diffusers.utils import logging as diffusers_log
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.utils import logging as transformers_log

from services.model_directory import check_vision_base, is_embedded
from services.training.buckets import Bucket
from services.training.faults import TrainingFailed
from services.training.pictures import PreparedPicture
from services.training.precision import Precision
from services.training.recipe_fields import Recipe
from services.training.visual_noise import Prediction

Pixels = NDArray[np.uint8]
Rows = Mapping[
    str, Tensor
]  # what is cached of pictures or captions, stacked by name; first dimension the row


@dataclass(frozen=True)
class Extra:
    """A caption with its cached tensors that a base adds to every album, so that other captions keep their meaning."""

    caption: str
    tensors: Mapping[str, Tensor]


class VisualBase(Protocol):
    """A frozen base. Only `unet` and, where it is trained, the text encoders are on the device while it trains."""

    name: str  # for the card
    folder: Path
    prediction: Prediction
    signal: Tensor  # the schedule's, [steps], on the device
    targets: tuple[str, ...]  # ends of the module paths that carry LoRA
    trains_text: bool  # whether text encoders are trained where a recipe does not say
    text_format: str  # of the numbers that text encoders give
    at_once: int  # pictures that it sees together
    samples: int  # pictures that are painted of an epoch, at least

    @property
    def modules(self) -> dict[str, nn.Module]:
        """UNet and text encoders by the names that adapters' keys begin with."""

    def buckets(self, resolution: tuple[int, int] | None) -> tuple[Bucket, ...]:
        """The sizes that pictures are cropped to.

        Raises:
            TrainingFailed: the base does not draw at that resolution.
        """

    def see(self, pictures: Sequence[PreparedPicture]) -> list[dict[str, Tensor]]:
        """What is cached of pictures of one size: `latents` (or `moments`, their mean and log variance) and what
        else the base needs of each."""

    def read(self, captions: Sequence[str]) -> list[dict[str, Tensor]]:
        """What is cached of captions while the text encoders are frozen."""

    def learns(self, album: Sequence[Mapping[str, Tensor]]) -> list[bool]:
        """Which pictures of an album, as they are cached, are of use to this base; at least one."""

    def extras(
        self, album: Sequence[Mapping[str, Tensor]], trigger_words: Sequence[str], seed: int
    ) -> list[Extra]:
        """Pictures of the base's own that are learned with an album, as it is cached."""

    def words(self, captions: Sequence[str]) -> Rows:
        """The same as `read`, stacked and with gradients: for text encoders that are trained."""

    def latents(self, seen: Rows) -> Tensor:
        """Latents of pictures as the UNet takes them, [N, C, h, w], drawn anew where the VAE gives a distribution."""

    def vary(self, seen: Rows) -> Rows:
        """What is cached of pictures with what changes from step to step; for training only."""

    def times(self, count: int) -> Tensor:
        """Noise levels to train on, [count], from torch's global generator."""

    def predict(self, noisy: Tensor, times: Tensor, words: Rows, seen: Rows) -> Tensor:
        """The UNet's output for latents under noise."""

    def also(self, error: Tensor, times: Tensor, seen: Rows) -> Tensor | None:
        """A further loss of the prediction's error [N, C, h, w], or None."""

    def settle(self, album: Sequence[Mapping[str, Tensor]], *, text: bool) -> None:
        """Once the album is cached: take what is no longer needed off the device, the VAE, and with `text` the
        text encoders."""

    def paint(self, prompts: Sequence[str], seeds: Sequence[int], size: Bucket) -> list[Pixels]:
        """Sample pictures, a prompt and a seed each."""

    def faults(self, pictures: Sequence[Pixels]) -> list[str]:
        """What is broken in sample pictures, a sentence each."""


def open_base(recipe: Recipe, precision: Precision, cache_dir: Path) -> VisualBase:
    """The recipe's base, frozen.

    Raises:
        TrainingFailed: it cannot be used.
    """
    folder = recipe.base_model
    name = "livehost-vision-base" if recipe.embedded else folder.stem if folder.is_file() else folder.name
    if folder.is_file():
        from services.training.visual_single_file import single_file_base

        folder = single_file_base(folder, tokenizer=recipe.tokenizer, cache_dir=cache_dir)
        print(
            f"底模 base: {recipe.base_model.name} → {folder}\n"
            "上播时把它写作 models.vision.base / to go on air, name that directory as models.vision.base",
            flush=True,
        )
    diffusers_log.disable_progress_bar()
    transformers_log.disable_progress_bar()
    problems = check_vision_base(folder)
    if problems:
        raise TrainingFailed("\n".join(problems), "补全底模文件 / mend the base's directory")
    if is_embedded(folder):
        from services.training.visual_embedded import EmbeddedBase

        return EmbeddedBase.load(folder, name, precision)
    from services.training.visual_diffusers import DiffusersBase

    return DiffusersBase.load(folder, name, precision)
