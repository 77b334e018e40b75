"""How well a language model copies: greedy answers to rows whose values it has never seen."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from services.language.tokenizer import END, PAD, encode_prompt, vocabulary
from services.training.language_rows import Row, Wording, wording
from services.training.language_values import Pools

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NEGATION = re.compile(r"不|没|无|别|勿|未")
AT_ONCE = 256
LONGEST = 320  # tokens of an answer


@dataclass(frozen=True)
class Copying:
    """Shares of rows: every value copied; also no number of its own; also every negation kept."""

    rows: int
    values: float
    numbers: float
    whole: float
    samples: tuple[tuple[str, str, str], ...]


def measure(
    model: Any, pools: Pools, rows: Sequence[Row], *, way: str, seed: int, count: int, device: str
) -> Copying:
    """Greedy answers to `count` rows with unseen values, judged."""
    rng = random.Random(seed)
    words = [wording(row, way, pools, rng, unseen=True) for row in rows[:count]]
    words = [w for w in words if len(w.prompt) + 2 * len(w.core) < 900]
    said = answers(model, [w.prompt for w in words], device=device)
    marks = [judged(w, s) for w, s in zip(words, said, strict=True)]
    wrong = [(w.prompt, w.target, s) for w, s, m in zip(words, said, marks, strict=True) if not all(m)]
    share = [sum(all(m[: i + 1]) for m in marks) / max(len(marks), 1) for i in range(3)]
    shown = tuple((w.prompt, w.target, s) for w, s in list(zip(words, said, strict=True))[:6])
    return Copying(len(marks), share[0], share[1], share[2], (*wrong[:10], *shown))


def judged(words: Wording, said: str) -> tuple[bool, bool, bool]:
    """Whether what was said holds every value, no other number, and the core's negations."""
    values = all(v in said for v in words.values)
    numbers = set(_NUMBER.findall(said)) <= set(_NUMBER.findall(words.core))
    known = sorted(_NEGATION.findall(words.target))
    return (
        values,
        numbers,
        sorted(_NEGATION.findall(said)) == known
        or bool(_NEGATION.search(words.core)) == bool(_NEGATION.search(said)),
    )


@torch.no_grad()
def answers(model: Any, prompts: Sequence[str], *, device: str) -> list[str]:
    """Greedy answers to prompts, in their order."""
    was_training = model.training
    model.eval()
    names = {number: token for token, number in vocabulary().items()}
    pad, end = vocabulary()[PAD], vocabulary()[END]
    ids = [encode_prompt(p) for p in prompts]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = [""] * len(ids)
    for at in range(0, len(order), AT_ONCE):
        chosen = order[at : at + AT_ONCE]
        width = max(len(ids[i]) for i in chosen)
        padded = torch.tensor([[pad] * (width - len(ids[i])) + ids[i] for i in chosen], device=device)
        mask = torch.tensor([[0] * (width - len(ids[i])) + [1] * len(ids[i]) for i in chosen], device=device)
        with torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda")):
            made = model.generate(
                input_ids=padded,
                attention_mask=mask,
                max_new_tokens=min(LONGEST, width + 80),
                do_sample=False,
                pad_token_id=pad,
                eos_token_id=end,
            )
        for i, row in zip(chosen, made[:, width:].tolist(), strict=True):
            stop = row.index(end) if end in row else len(row)
            out[i] = _decoded([names[n] for n in row[:stop]])
    model.train(was_training)
    return out


def _decoded(tokens: Sequence[str]) -> str:
    raw = bytearray()
    for token in tokens:
        if token.startswith("<0x"):
            raw.append(int(token[3:5], 16))
        elif not token.startswith("<|"):
            raw += token.encode()
    return raw.decode("utf-8", "replace")
