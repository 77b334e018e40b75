"""What a language adapter says on rows, and how likely it holds the persona's own words.

The way on air: the base loaded by the engine's loader, the bank's staging, the engine's decoder,
greedy, many rows at once; first with the adapter, then the bare base on the same rows.
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
    device: str = "auto",
    dtype: str = "auto",
    threads: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Spoken:
    """Greedy answers to samples by the adapter in `folder` and by its bare base.

    Raises:
        BaseUnusable: the base cannot be loaded.
        StagingFailed: the bank does not take the adapter.
    """
    threads = threads or torch.get_num_threads()
    loaded = load_base(base or PACKAGED, device=device, dtype=dtype, threads=threads)
    card = read_card(folder)
    rank = max(card.rank, *card.rank_pattern.values()) if card.rank_pattern else card.rank
    bank = Bank.attach(loaded.model, spec=BankSpec(slots=1, max_rank=rank, targets=LANGUAGE_TARGETS))
    # Whether the consent holds today is asked when the adapter goes on air, not when it is judged.
    day = card.consent.valid_from if card.consent else None
    staged = stage_folder(folder, bank.layout, base_sha256=loaded.sha256, kind="language", today=day)
    bank.fill(staged.packed, sha256=staged.sha256)
    worn = _said(loaded, bank, samples, staged.sha256, say)
    bare = _said(loaded, bank, samples, "", say)
    number = str(next(loaded.model.parameters()).dtype).removeprefix("torch.")
    return Spoken(staged.sha256, loaded.sha256, number, worn, bare)


def _said(
    base: Base, bank: Bank, samples: Sequence[Sample], adapter: str, say: Callable[[str], None]
) -> tuple[Said, ...]:
    prompts = [_prompt(base, sample) for sample in samples]
    texts = _answers(base, bank, samples, prompts, adapter)
    say(f"{len(texts)} {'answers with the adapter' if adapter else 'answers of the bare base'}")
    likelihoods = _likelihoods(base, bank, samples, prompts, adapter)
    return tuple(
        Said(text, finished, nll, tokens)
        for (text, finished), (nll, tokens) in zip(texts, likelihoods, strict=True)
    )


def _prompt(base: Base, sample: Sample) -> list[int]:
    """The tokens that the model is given; an answer's and a script's as the engine renders them."""
    if not sample.messages:
        system, user = dict(sample.prompt).get("system", ""), sample.prompt[-1][1]
        return base.prompt(system, user)
    turns = [{"role": role, "content": content} for role, content in sample.messages]
    text = base.tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return list(base.tokenizer(text, add_special_tokens=False)["input_ids"])


def _answers(
    base: Base, bank: Bank, samples: Sequence[Sample], prompts: Sequence[list[int]], adapter: str
) -> list[tuple[str, bool]]:
    """Greedy answers in the rows' order; a prompt that the base has no room for is answered with nothing."""
    decoder = Decoder(base, bank.rows)
    rows: dict[Row, int] = {}
    for at, (sample, prompt) in enumerate(zip(samples, prompts, strict=True)):
        room = base.context - len(prompt)
        if room > 0:
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
def _likelihoods(
    base: Base, bank: Bank, samples: Sequence[Sample], prompts: Sequence[list[int]], adapter: str
) -> list[tuple[float, int]]:
    """Each target's summed negative log-likelihood and its number of tokens."""
    end = _end(base)
    targets = [
        [*base.tokenizer(sample.target, add_special_tokens=False)["input_ids"], end] for sample in samples
    ]
    whole = [(p + t)[-base.context :] for p, t in zip(prompts, targets, strict=True)]
    order = sorted(range(len(samples)), key=lambda at: len(whole[at]))
    out = [(0.0, 1)] * len(samples)
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
        kept = min(width, max(len(targets[at]) for at in several) + 1)
        with bank.rows([adapter] * len(several)):
            logits: Any = base.model(
                input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                use_cache=False, logits_to_keep=kept,
            ).logits  # fmt: skip
        odds = torch.log_softmax(logits[:, :-1].float(), dim=-1)
        told = odds.gather(-1, ids[:, width - kept + 1 :, None])[..., 0]
        for row, at in enumerate(several):
            count = min(len(targets[at]), kept - 1)
            out[at] = (-float(told[row, kept - 1 - count :].sum()), count)
    return out


def _end(base: Base) -> int:
    """The token that ends an answer."""
    own = base.tokenizer.get_vocab().get("<|im_end|>", base.tokenizer.eos_token_id)
    return int(own if own is not None else min(base.stops))
