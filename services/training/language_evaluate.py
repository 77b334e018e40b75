"""What a language adapter says on rows, and how likely it holds the persona's own words.

The way on air: the base loaded by the engine's loader, the bank's staging, the engine's decoder,
greedy, many rows at once; first with the adapter, then the bare base on the same rows. Prompts and end marks are
those that were trained on (`language_tokens`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from services.language.generation import Decoder, Row
from services.language.loading import PACKAGED, Base, load_base
from services.lora import Bank, BankSpec, read_card, stage_folder
from services.model_directory import LANGUAGE_TARGETS
from services.training.language_tokens import Tokens, tokenised
from services.training.samples import Sample

MAX_ROWS = 48
LIKELIHOOD_TOKENS = 6144  # in one forward
LEAST_TOKENS, MOST_TOKENS, CHAT_TOKENS = 96, 512, 256  # of an answer, as the show bounds them


@dataclass(frozen=True)
class Said:
    """An answer: its words, whether it came to its end, and the target's negative log-likelihood.

    `nll` is the sum in nats over the target's `tokens`, its end mark among them.
    """

    text: str
    finished: bool
    nll: float
    tokens: int


@dataclass(frozen=True)
class Spoken:
    """The answers to rows in their order, with the adapter and without, and whose they are."""

    adapter_sha256: str
    base_sha256: str
    dtype: str
    worn: tuple[Said, ...]
    bare: tuple[Said, ...]


def speak(
    folder: Path,
    samples: Sequence[Sample],
    *,
    base: Path | None = None,
    threads: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Spoken:
    """Greedy answers to samples by the adapter in `folder` and by its bare base.

    Raises:
        BaseUnusable: the base cannot be loaded.
        StagingFailed: the bank does not take the adapter.
        TrainingFailed: the base's chat template does not take a sample.
    """
    threads = threads or torch.get_num_threads()
    loaded = load_base(base or PACKAGED, threads=threads)
    card = read_card(folder)
    rank = max(card.rank, *card.rank_pattern.values()) if card.rank_pattern else card.rank
    bank = Bank.attach(loaded.model, spec=BankSpec(slots=1, max_rank=rank, targets=LANGUAGE_TARGETS))
    # Whether the consent holds today is asked when the adapter goes on air, not when it is judged.
    day = card.consent.valid_from if card.consent else None
    staged = stage_folder(folder, bank.layout, base_sha256=loaded.sha256, kind="language", today=day)
    bank.fill(staged.packed, sha256=staged.sha256)
    rows = [tokenised(loaded, sample) for sample in samples]
    worn = _said(loaded, bank, samples, rows, staged.sha256, say)
    bare = _said(loaded, bank, samples, rows, "", say)
    number = str(next(loaded.model.parameters()).dtype).removeprefix("torch.")
    return Spoken(staged.sha256, loaded.sha256, number, worn, bare)


def _said(
    base: Base,
    bank: Bank,
    samples: Sequence[Sample],
    rows: Sequence[Tokens],
    adapter: str,
    say: Callable[[str], None],
) -> tuple[Said, ...]:
    texts = _answers(base, bank, samples, rows, adapter)
    say(f"{len(texts)} {'answers with the adapter' if adapter else 'answers of the bare base'}")
    likelihoods = _likelihoods(base, bank, rows, adapter)
    return tuple(
        Said(text, finished, nll, tokens)
        for (text, finished), (nll, tokens) in zip(texts, likelihoods, strict=True)
    )


def _answers(
    base: Base, bank: Bank, samples: Sequence[Sample], tokens: Sequence[Tokens], adapter: str
) -> list[tuple[str, bool]]:
    """Greedy answers in the rows' order; a prompt that the base has no room for is answered with nothing."""
    decoder = Decoder(base, bank.rows)
    rows: dict[Row, int] = {}
    for at, (sample, one) in enumerate(zip(samples, tokens, strict=True)):
        room = base.context - one.start
        if room > 0:
            prompt = list(one.ids[: one.start])
            rows[Row(adapter=adapter, prompt=prompt, max_tokens=min(room, _most(sample)))] = at
    waiting = sorted(rows, key=lambda row: len(row.prompt))
    out = [("", False)] * len(samples)
    while waiting or decoder.rows:
        free = MAX_ROWS - len(decoder.rows)
        # A few at a time would each cost a whole forward.
        if waiting and (free >= MAX_ROWS // 3 or not decoder.rows):
            decoder.admit(waiting[:free])
            del waiting[:free]
        else:
            decoder.step()
        for row in decoder.leave(lambda one: one.stopped or one.full):
            out[rows[row]] = (base.text(row.tokens), row.stopped)
    return out


def _most(sample: Sample) -> int:
    if sample.messages:
        return CHAT_TOKENS
    return min(MOST_TOKENS, max(LEAST_TOKENS, int(len(sample.core) * 1.5) + 24))


@torch.inference_mode()
def _likelihoods(base: Base, bank: Bank, rows: Sequence[Tokens], adapter: str) -> list[tuple[float, int]]:
    """Each target's summed negative log-likelihood and its number of tokens."""
    whole = [one.ids[-base.context :] for one in rows]
    order = sorted(range(len(rows)), key=lambda at: len(whole[at]))
    out = [(0.0, 1)] * len(rows)
    while order:
        width = len(whole[order[-1]])
        several, order = (
            order[-max(1, LIKELIHOOD_TOKENS // width) :],
            order[: -max(1, LIKELIHOOD_TOKENS // width)],
        )
        ids = torch.zeros(len(several), width, dtype=torch.long)
        mask = torch.zeros(len(several), width, dtype=torch.long)
        for row, at in enumerate(several):
            ids[row, width - len(whole[at]) :] = torch.tensor(whole[at])
            mask[row, width - len(whole[at]) :] = 1
        ids, mask = ids.to(base.device), mask.to(base.device)
        kept = min(width, max(rows[at].answer for at in several) + 1)
        with bank.rows([adapter] * len(several)):
            logits: Any = base.model(
                input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                use_cache=False, logits_to_keep=kept,
            ).logits  # fmt: skip
        odds = torch.log_softmax(logits[:, :-1].float(), dim=-1)
        told = odds.gather(-1, ids[:, width - kept + 1 :, None])[..., 0]
        for row, at in enumerate(several):
            count = min(rows[at].answer, kept - 1)
            out[at] = (-float(told[row, kept - 1 - count :].sum()), count)
    return out
