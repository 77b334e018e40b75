"""What a run trains: the protocol between the loop and a kind of adapter, and what a task tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor, nn

Kind = Literal["language", "visual"]


@dataclass(frozen=True, kw_only=True)
class LoraFacts:
    """What the card and the report say of a task.

    `target_modules` are ends of module paths, as peft's, and exactly those that were trained.
    `data_sha256` is over all that the task learns from (pictures and captions, or sample rows) in a fixed
    order; `trainable` and `total` count parameters; `rows` and `held_rows` count pictures or samples.
    """

    rank: int
    alpha: float
    target_modules: tuple[str, ...]
    base_name: str
    base_sha256: str
    data_sha256: str
    trainable: int
    total: int
    rows: int
    held_rows: int = 0
    trigger_words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SampleReport:
    """What sampling wrote, and how it looks.

    `spread` is how different the samples are from one another, 0 (all the same) to 1; None where one
    sample alone cannot say. `collapse` says in a sentence what is broken (a face gone, answers that repeat
    themselves), or is None.
    """

    files: tuple[Path, ...] = ()
    spread: float | None = None
    collapse: str | None = None


class Task(Protocol):
    """What is trained.

    All its randomness comes from torch's global generator, which the loop seeds before every step,
    validation and sampling: so a resumed run does exactly what an uninterrupted one does. The loop sets
    `model.train()` before `loss`, `model.eval()` and `torch.no_grad()` before `validate`, `sample` and
    `changed`, and the autocast of the run's precision around all four.

    The trainable parameters of `model` are those with `requires_grad`; they are float32, and the keys of
    `state()` are their names without the adapter's name `.default` (`base_model.model.<module>.lora_A.weight`),
    which is how the loop loads `init_from` and the best weights back.
    """

    @property
    def kind(self) -> Kind:
        """Which sort of adapter it is."""

    @property
    def model(self) -> nn.Module:
        """The frozen base with its adapter, on the run's device."""

    def epoch(self, epoch: int) -> Sequence[Sequence[int]]:
        """Micro-batches of sample indices for epoch 0, 1, …, as many in every epoch: a pure function of the
        recipe's seed and `epoch`."""

    def loss(self, batch: Sequence[int]) -> Tensor:
        """The mean loss of a micro-batch, a scalar with its graph."""

    def validate(self) -> float | None:
        """The mean loss over the held-out split with fixed noise, or None where there is no split."""

    def sample(self, folder: Path, stem: str) -> SampleReport:
        """Write sample pictures (`<stem>-*.jpg|png`) or answers (`<stem>.json`) into the folder, which exists."""

    def state(self) -> dict[str, Tensor]:
        """The adapter's tensors by peft's keys, as the library's adapters have them."""

    def lora(self) -> LoraFacts:
        """What it is, for the card."""

    def seen(self) -> list[str]:
        """The digests (services.training.held_out) of the rows that it learns from, sorted."""

    def changed(self) -> float:
        """How far the adapter moves the base's output on a canary; 0 is not at all."""

    def stage(self, folder: Path) -> None:
        """Have the bank's staging check the finished folder; that its card has no consent is no fault of it.

        Raises:
            StagingFailed: (services.lora) the bank would not take it.
        """
