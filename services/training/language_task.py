"""A language adapter as the training loop sees it: LoRA by peft on a frozen base, and its samples.

Any directory of transformers' layout with a chat template will do, and the embedded base.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn

from services.language.loading import Base, BaseUnusable, load_base
from services.language.prompt import Prompt, answer_prompt, script_prompt
from services.lora import BankSpec, Layout, layout_of
from services.model_directory import LANGUAGE_TARGETS
from services.training.faults import TrainingFailed
from services.training.held_out import sample_digest, seen_rows
from services.training.language_answers import collapse, greedy, spread
from services.training.language_batches import batches
from services.training.language_loss import answer_losses
from services.training.language_source import Data, read_data
from services.training.language_tokens import Tokens, prompt_tokens, tokenised
from services.training.peft_adapter import facts_of, stage_but_consent, state_of
from services.training.precision import precision_of
from services.training.recipe_fields import Recipe
from services.training.samples import Message, Sample
from services.training.task import LoraFacts, SampleReport

SAMPLED = 8  # held-out prompts that are answered where the recipe names none
CANARIES = 4
_DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def open_language(recipe: Recipe) -> LanguageTask:
    """Load a recipe's base and samples, and put a fresh adapter on the base.

    Raises:
        TrainingFailed: the base, the samples or the device cannot be used.
    """
    data = read_data(
        recipe.train_data,
        recipe.validation_data,
        way=recipe.way,
        share=recipe.validation_share,
        seed=recipe.seed,
        swap=recipe.embedded,
    )
    precision = precision_of(recipe.device, recipe.mixed_precision)
    try:
        base = load_base(
            recipe.base_model,
            device=str(precision.device),
            dtype=_DTYPES[precision.base],
            threads=recipe.threads or os.cpu_count() or 1,
        )
    except BaseUnusable as error:
        raise TrainingFailed(error.cause, error.mend) from error
    return LanguageTask(recipe, base, data)


class LanguageTask:
    """Samples to learn, held-out ones to judge by, and the base with its adapter (`Task`)."""

    def __init__(self, recipe: Recipe, base: Base, data: Data) -> None:
        self._recipe, self._base, self._data = recipe, base, data
        self._targets = _targets(base.model)
        spec = BankSpec(slots=1, max_rank=recipe.lora_rank, targets=self._targets)
        self._layout: Layout = layout_of(base.model, spec)  # before peft changes the modules' paths
        self._total = sum(p.numel() for p in base.model.parameters())
        self._longest = min(recipe.max_length or base.context, base.context)
        self._own = [self._fitting(tokenised(base, line.worded()), line.sample.id) for line in data.lines]
        self._held = [self._fitting(tokenised(base, sample), sample.id) for sample in data.held]
        self._mean_weight = sum(row.weight for row in self._own) / len(self._own)
        self._shown: tuple[int, list[Tokens]] = (-1, [])
        self._peft = _with_adapter(base.model, recipe, self._targets)

    @property
    def kind(self) -> Literal["language"]:
        """The sort of adapter."""
        return "language"

    @property
    def model(self) -> nn.Module:
        """The frozen base with its adapter."""
        module: nn.Module = self._peft
        return module

    def epoch(self, epoch: int) -> Sequence[Sequence[int]]:
        """Micro-batches of rows of like length. A row's number is `epoch` × rows + its index, so that
        the loss knows which values the row has in that epoch."""
        count = len(self._own)
        lengths = [len(row) for row in self._rows(epoch)]
        made = batches(lengths, size=self._recipe.batch_size, seed=self._recipe.seed, epoch=epoch)
        return [[epoch * count + index for index in batch] for batch in made]

    def loss(self, batch: Sequence[int]) -> Tensor:
        """The mean loss of the answers' tokens, each row's by its weight over the data's mean weight."""
        count = len(self._own)
        rows = [self._rows(number // count)[number % count] for number in batch]
        losses = self._losses(rows)
        weights = torch.tensor([row.weight / self._mean_weight for row in rows], device=losses.device)
        return (losses * weights).sum() / sum(row.answer for row in rows)

    def validate(self) -> float | None:
        """The mean loss over the held-out samples' answer tokens, each row's by its weight."""
        if not self._held:
            return None
        total = tokens = 0.0
        order = sorted(self._held, key=len)
        for at in range(0, len(order), self._recipe.batch_size):
            rows = order[at : at + self._recipe.batch_size]
            losses = self._losses(rows).tolist()
            total += sum(loss * row.weight for loss, row in zip(losses, rows, strict=True))
            tokens += sum(row.answer * row.weight for row in rows)
        return total / tokens

    def sample(self, folder: Path, stem: str) -> SampleReport:
        """Answer the recipe's `sample_prompts`, else some held-out prompts, into `<stem>.json`."""
        asked = self._asked
        said = greedy(self._base, [prompt_tokens(self._base, messages) for messages, _ in asked])
        rows = [
            {"prompt": messages[-1][1], "wanted": wanted, "said": words}
            for (messages, wanted), words in zip(asked, said, strict=True)
        ]
        file = folder / f"{stem}.json"
        file.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return SampleReport(files=(file,), spread=spread(said), collapse=collapse(said))

    def state(self) -> dict[str, Tensor]:
        """The adapter's tensors by peft's keys."""
        return state_of(self._peft)

    def lora(self) -> LoraFacts:
        """What it is, for the card."""
        recipe = self._recipe
        return facts_of(
            self._peft,
            recipe,
            targets=self._targets,
            total=self._total,
            base_name="livehost-language-base" if recipe.embedded else recipe.base_model.name,
            base_sha256=self._base.sha256,
            data_sha256=self._data.sha256,
            rows=len(self._own),
            held_rows=len(self._held),
        )

    def changed(self) -> float:
        """How far the adapter moves the next token's odds on some samples: the mean total variation, 0 to 1."""
        rows = (self._held or self._own)[:CANARIES]
        with torch.no_grad():
            moved = [self._next(row) for row in rows]
            with self._peft.disable_adapter():
                bare = [self._next(row) for row in rows]
        return sum(float((a - b).abs().sum()) / 2 for a, b in zip(moved, bare, strict=True)) / len(rows)

    def stage(self, folder: Path) -> None:
        """Have the bank's staging check the finished folder; a consent that is not there yet is no fault of it.

        Raises:
            StagingFailed: the bank would not take it.
        """
        stage_but_consent(folder, self._layout, base_sha256=self._base.sha256, kind="language")

    def seen(self) -> list[str]:
        """The digests of what is learned from, for `training.json`: it is never evaluated on them."""
        return seen_rows(sample_digest(line.worded()) for line in self._data.lines)

    @cached_property
    def _asked(self) -> list[tuple[tuple[Message, ...], str]]:
        """Prompts to answer while training, with what is wanted where that is known."""
        known = self._data.held or tuple(line.worded() for line in self._data.lines)
        if self._recipe.sample_prompts:
            every = [*self._data.held, *(line.worded() for line in self._data.lines)]
            return [(_messages(one, every), "") for one in self._recipe.sample_prompts]
        return [(sample.prompt, sample.target) for sample in known[:: -(-len(known) // SAMPLED)]]

    def _rows(self, epoch: int) -> list[Tokens]:
        """Every row as it is shown in an epoch; those whose values stay are tokenised once for all."""
        if self._data.pools is None:
            return self._own
        if self._shown[0] != epoch:
            self._shown = (epoch, [self._worded(index, epoch) for index in range(len(self._own))])
        return self._shown[1]

    def _worded(self, index: int, epoch: int) -> Tokens:
        row = tokenised(self._base, self._data.line(index, epoch))
        return row if len(row) <= self._longest else self._own[index]

    def _losses(self, rows: Sequence[Tokens]) -> Tensor:
        share = not self._recipe.gradient_checkpointing
        return answer_losses(self._base.model, rows, device=self._base.device, share=share)

    def _next(self, row: Tokens) -> Tensor:
        """The odds of the answer's first token [vocabulary]."""
        ids = torch.tensor([row.ids[: row.start]], device=self._base.device)
        return torch.softmax(self._base.model(input_ids=ids, use_cache=False).logits[0, -1].float(), -1)

    def _fitting(self, row: Tokens, name: str) -> Tokens:
        if len(row) > self._longest:
            raise TrainingFailed(
                f"样本 {name} 有 {len(row)} 个 token，超过 max_length {self._longest} / "
                f"sample {name} has {len(row)} tokens, over max_length {self._longest}",
                "拆短这条样本，或调大 max_length（不超过底座的上限） / "
                "split the sample, or raise max_length up to the base's own",
            )
        return row


def _messages(prompt: str, known: Sequence[Sample]) -> tuple[Message, ...]:
    """A recipe's sample prompt: `question | core`; a question alone takes the core of the data's most
    similar question; anything else is a script's core."""
    question, bar, core = (part.strip() for part in prompt.replace("｜", "|").partition("|"))
    if not bar and question.endswith(("?", "？", "吗", "呢", "么")):
        near = max(
            (one for one in known if one.question),
            key=lambda one: Levenshtein.normalized_similarity(one.question or "", question),
            default=None,
        )
        core = near.core if near else ""
    elif not bar:
        return _as_messages(script_prompt(prompt))
    return _as_messages(answer_prompt(question, core))


def _as_messages(prompt: Prompt) -> tuple[Message, ...]:
    return (("system", prompt[0]), ("user", prompt[1]))


def _targets(model: nn.Module) -> tuple[str, ...]:
    """The bank's target layers that this model has."""
    ends = {
        name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    found = tuple(target for target in LANGUAGE_TARGETS if target in ends)
    if not found:
        raise TrainingFailed(
            "底座没有可以挂适配器的层 / the base has none of the layers that adapters go on: "
            + ", ".join(LANGUAGE_TARGETS),
            "换 Qwen、Llama、Mistral 一类的底座 / use a base of the kind of Qwen, Llama or Mistral",
        )
    return found


def _with_adapter(model: Any, recipe: Recipe, targets: Sequence[str]) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.alpha,  # peft's annotation says int, its arithmetic takes any number
        lora_dropout=recipe.lora_dropout,
        target_modules=list(targets),
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(recipe.seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # peft asks transformers by a name that is on its way out
        wrapped = get_peft_model(model, config)
    if recipe.gradient_checkpointing:
        try:
            model.activation_checkpointing_enable()
        except ValueError as error:
            raise TrainingFailed(
                f"这个底座不支持 gradient_checkpointing / the base cannot do gradient_checkpointing ({error})",
                "改为 false，并减小 batch_size / set it to false and lower batch_size",
            ) from error
    return wrapped
