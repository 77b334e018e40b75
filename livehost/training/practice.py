"""Practice for a persona: her manner on the catalogue's sentences about goods that no shop sells.

Two hundred texts show how she speaks, but name few products; a small base that sees nothing else loses
what it could: to copy any name and number. So her phrases are put around what the deterministic path
says of random goods. Which phrases a question gets are those of her own most similar question.

A tenth of all such rows, by their digest, is never trained on: practice for held-out rows is taken from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from rapidfuzz import fuzz, process

from livehost.answers import answer
from livehost.answers.claims import Lexicon
from livehost.answers.faithful import Grounds, faults
from livehost.training.asked import question, wants
from livehost.training.goods import Goods
from livehost.training.text_cores import sample_facts
from services.training.held_out import sample_digest
from services.training.samples import MAX_CORE_CHARS, Sample

ASIDE = 10  # one in so many rows is for held-out sets alone

Phrases = tuple[str, str]  # what stands before a core, and after it, with the marks between


def phrases_of(sample: Sample) -> Phrases | None:
    """What a sample's target has around its core; None where the core does not stand in it as it is."""
    before, core, after = sample.target.partition(sample.core)
    if not core or len(before) + len(after) < 2:
        return None
    return before, after


def practice(
    samples: Sequence[Sample], *, count: int, seed: int, now: datetime, held: bool = False
) -> list[Sample]:
    """`count` answers about random goods in the manner of samples; none where no sample shows a manner.

    Those with `held` are none that any practice without it can have, whatever the seeds.
    """
    own = {one.question: found for one in samples if one.question and (found := phrases_of(one))}
    if not own or count < 1:
        return []
    made: dict[str, Sample] = {}
    for sample in _answers(own, seed, now):
        if _kept_aside(sample) != held:
            continue
        made.setdefault(f"{sample.question}\n{sample.core}", sample)
        if len(made) >= count:
            break
    return list(made.values())


def _kept_aside(sample: Sample) -> bool:
    return int(sample_digest(sample), 16) % ASIDE == 0


def _answers(own: dict[str, Phrases], seed: int, now: datetime) -> Iterator[Sample]:
    goods = Goods(seed)
    manner = sorted({part.strip("，。") for found in own.values() for part in found} - {""})
    clauses = tuple({*manner, *(clause for part in manner for clause in part.split("，"))})
    questions = list(own)
    while True:
        catalog = goods.catalog()
        lexicon = Lexicon(catalog)
        for product in catalog.products:
            for want in goods.rng.sample(wants(), 6):
                asked = question(product, goods.rng, want=want)
                got = answer(asked, catalog=catalog, on_air=product.id, now=now, seed=goods.rng.randrange(6))
                core = got.text.rstrip("。")
                if got.act not in ("answer", "handover") or len(core) > MAX_CORE_CHARS:
                    continue
                near = process.extractOne(asked, questions, scorer=fuzz.ratio)[0]
                before, after = own[near]
                target = f"{before}{core}{after}"
                if not faults(
                    target, Grounds(core, got.facts, catalog.get(got.product), now, clauses), lexicon
                ):
                    yield Sample(
                        id="practice-" + hashlib.sha256(f"{asked}\n{core}".encode()).hexdigest()[:12],
                        kind="answer",
                        question=asked,
                        core=core,
                        target=target,
                        facts=sample_facts(got.facts, core),
                    )
