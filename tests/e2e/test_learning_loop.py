"""The learning loop: each round better on questions that it never saw, and only because the answers are right.

A scripted teacher plays an evening, the journal is exported, the adapter goes on from the one before, and
is judged on questions about products that were never on air. What must rise is the share of answers that
are true to the facts *and* in her way, for which neither a fluent base nor learned phrases suffice; what
must fall is the perplexity of her own words. The same loop with the answers shuffled gets nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.learning import Loop, Measured

Round = tuple[Measured, Measured | None]  # of the loop, and of its control where there was one

RECIPE = {
    "lora_rank": 8, "lora_alpha": 32, "batch_size": 8, "epochs": 30, "learning_rate": 3e-3,
    "weight_decay": 0.0, "threads": 1, "device": "cpu", "sample_every": 0, "save_every": 0,
}  # fmt: skip
EVENING = 60  # questions
# Two of forty-eight held questions: so many may fall out either way from one round to the next.
CHANCE = 0.05


def loop(
    folder: Path, *, seed: int, rounds: int, controls: int, held: int, steps: int, say: Callable[[str], None]
) -> Iterator[Round]:
    """Every round's measures, and in the first `controls` rounds the shuffled loop's; first the bare base's.

    A round takes `steps` of training and is judged on `held` questions.
    """
    learning = Loop(folder, seed=seed, evening=EVENING, held=held, recipe=RECIPE | {"steps": steps})
    for number in range(1, rounds + 1):
        learning.evening(number)
        bare, taught = learning.learn(number)
        if number == 1:
            say(f"seed {seed} bare base: {bare}")
            yield bare, None
        say(f"seed {seed} round {number}: {taught}")
        control = learning.learn(number, shuffled=True)[1] if number <= controls else None
        if control:
            say(f"seed {seed} round {number}, answers shuffled: {control}")
        yield taught, control


def check(rounds: Sequence[Round]) -> None:
    """Every round knows her words better than the one before, and says more of them; the control learns nothing."""
    bare, last = rounds[0][0], rounds[-1][0]
    for (before, _), (after, control) in pairwise(rounds):
        assert after.perplexity < before.perplexity
        assert after.hers > before.hers - CHANCE
        if control:
            assert control.hers <= bare.hers + CHANCE
            assert control.perplexity > after.perplexity
    assert last.hers > rounds[1][0].hers + CHANCE > bare.hers + 2 * CHANCE


def test_two_evenings_each_make_her_better(tmp_path: Path) -> None:
    check(list(loop(tmp_path, seed=0, rounds=2, controls=1, held=32, steps=50, say=print)))


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_evenings_each_make_her_better(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="", flush=True)

    check(list(loop(tmp_path, seed=seed, rounds=3, controls=3, held=48, steps=60, say=say)))
