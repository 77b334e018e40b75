"""Greedy answers of a model in training, by the engine's own decoder; and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import combinations

from rapidfuzz.distance import Levenshtein

from services.language.generation import Decoder, Row
from services.language.loading import Base

AT_ONCE = 32
MAX_TOKENS = 320


def greedy(base: Base, prompts: Sequence[list[int]]) -> list[str]:
    """The model's likeliest answers to prompts (token numbers), in their order.

    An adapter that peft has put on `base.model` speaks; the model should be in `eval()`.
    """
    answers = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for at in range(0, len(order), AT_ONCE):
        decoder = Decoder(base, lambda _: nullcontext())
        room = [max(1, base.context - len(prompts[i])) for i in order[at : at + AT_ONCE]]
        rows = {
            Row("", list(prompts[i]), min(MAX_TOKENS, most)): i
            for i, most in zip(order[at : at + AT_ONCE], room, strict=True)
        }
        decoder.admit(list(rows))
        while True:
            for row in decoder.leave(lambda row: row.stopped or row.full):
                answers[rows[row]] = base.text(row.tokens)
            if not decoder.rows:
                break
            decoder.step()
    return answers


def spread(answers: Sequence[str]) -> float | None:
    """How different answers are from one another, 0 (all the same) to 1; None for fewer than two."""
    pairs = list(combinations(answers, 2))
    if not pairs:
        return None
    return sum(Levenshtein.normalized_distance(a, b) for a, b in pairs) / len(pairs)


def collapse(answers: Sequence[str]) -> str | None:
    """What is broken about answers to different prompts, in a sentence; None where nothing is."""
    if not answers:
        return None
    looping = sum(repeats(one) for one in answers)
    empty = sum(not one for one in answers)
    if empty * 2 >= len(answers):
        return (
            f"{len(answers)} 句试答里有 {empty} 句是空的 / {empty} of {len(answers)} sample answers are empty"
        )
    if looping * 3 >= len(answers):
        return (
            f"{len(answers)} 句试答里有 {looping} 句在重复自己 / "
            f"{looping} of {len(answers)} sample answers repeat themselves"
        )
    if len(answers) > 2 and len(set(answers)) == 1:
        return "不同的问题得到同一句回答 / every prompt gets the same answer"
    return None


def repeats(text: str) -> bool:
    """Whether a text goes round in circles: a piece of up to a dozen characters four times in a row."""
    for size in range(1, 13):
        run = 0
        for at in range(size, len(text)):
            run = run + 1 if text[at] == text[at - size] else 0
            if run >= max(3 * size, 6):
                return True
    return False
