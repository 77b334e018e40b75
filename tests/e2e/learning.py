"""A scripted teacher for the learning loop: a shopkeeper's own way of answering over a catalogue's facts.

The teacher plays shows: viewers ask, the host answers, the person on duty puts wrong answers right, and
the journal's own writer keeps it all. What she would say to any question is known, so held-out answers
can be judged by her way as well as by their facts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from livehost.answers import Fact, answer
from livehost.catalog import TZ_CHINA, Catalog, Product
from livehost.check import read_settings
from livehost.journal import Journal
from livehost.lines import Trace
from livehost.training.asked import question, wants
from livehost.training.evaluation import evaluate_adapter
from livehost.training.export import export_journal
from livehost.training.text_cores import sample_facts
from services.training.recipe import Recipe, read_recipe
from services.training.run import train
from services.training.samples import Sample, read_samples, write_samples
from tests.conftest import ROOT
from tests.e2e.stage import ROOM

PERSONA = "zhanggui"
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=TZ_CHINA)
NEVER_ON_AIR = ("melatonin-06", "mask-03")  # products that only held-out questions are about
LONGEST_CORE = 40
CONSENT = """
subject: 吴掌柜，虚构人物
scope: [words]
document: consent.yaml
valid_from: 2026-01-01
valid_until: 2099-12-31
"""

# Her way: what stands before and after an answer hangs on what the answer is about.
WAY = {
    "money": ("掌柜拨了拨算盘", "诸位乡亲心里有数"),
    "goods": ("掌柜端出来细瞧", "诸位乡亲慢慢琢磨"),
    "delivery": ("掌柜喊一声伙计", "诸位乡亲候着便是"),
    "shop": ("掌柜翻了翻店规", "诸位乡亲记在心上"),
}
_THEMES = {
    "money": ("price", "coupon", "list_price", "gifts"),
    "delivery": ("shipping",),
    "shop": ("link", "registration", "returns", "shop", "invoice"),
    "goods": (
        "ingredients", "origin", "usage", "shelf_life", "not_for", "suitable_for", "lasts", "free_of", "produced",
        "sensitive", "category",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A viewer's question and what is to be said to it in plain words."""

    question: str
    theme: str
    core: str
    facts: tuple[Fact, ...]
    product: str

    @property
    def said(self) -> str:
        """The same in the persona's way."""
        before, after = WAY[self.theme]
        return f"{before}，{self.core}，{after}。"

    def sample(self, name: str) -> Sample:
        """The question as a row to judge by."""
        return Sample(
            name, "answer", self.question, self.core, self.said, sample_facts(self.facts, self.core), source="qa"
        )  # fmt: skip


class Viewers:
    """Ask about a catalogue's products; the same seed asks the same."""

    def __init__(self, catalog: Catalog, *, seed: int) -> None:
        self._catalog = catalog
        self._rng = random.Random(seed)
        self._kept_back: set[str] = set()

    def held_out(self, count: int) -> list[Asked]:
        """Questions to judge by, about products that are never on air; their answers fall in no show."""
        never = [one for one in self._catalog.products if one.id in NEVER_ON_AIR]
        made = list(self._ask(never, count))
        self._kept_back |= {one.core for one in made}
        return made

    def evening(self, count: int) -> list[Asked]:
        """The questions of one show."""
        return list(self._ask([p for p in self._catalog.products if p.id not in NEVER_ON_AIR], count))

    def _ask(self, products: Sequence[Product], count: int) -> Iterator[Asked]:
        rng, themes = self._rng, list(WAY)
        told: set[tuple[str, str]] = set()
        while len(told) < count:
            product = rng.choice(products)
            words = question(product, rng, want=rng.choice(wants()))
            got = answer(words, catalog=self._catalog, on_air=product.id, now=NOW, seed=rng.randrange(6))
            core, theme = got.text.rstrip("。"), theme_of(got.facts)
            if got.act != "answer" or theme != themes[len(told) % len(themes)] or len(core) > LONGEST_CORE:
                continue
            if core not in self._kept_back and (theme, core) not in told:
                told.add((theme, core))
                yield Asked(words, theme, core, got.facts, got.product or product.id)


def theme_of(facts: Sequence[Fact]) -> str:
    """What an answer is about, by its first fact; empty where the teacher has no way for it."""
    field = facts[0].field.partition(".")[0] if facts else ""
    return next((theme for theme, fields in _THEMES.items() if field in fields), "")


def in_her_way(theme: str, said: str) -> bool:
    """Whether an answer begins and ends as hers does where she speaks of that."""
    before, after = WAY[theme]
    return said.startswith(f"{before}，") and said.endswith(f"，{after}。")


async def play(folder: Path, session: str, asked: Sequence[Asked], *, seed: int) -> None:
    """Write the journal of a show in which all that was asked.

    Most answers are hers and heard. Of every ten, one is cut, one is complained of, and two were said in
    plain words, which the person on duty puts right in hers.
    """
    rng = random.Random(seed)
    async with Journal(folder) as journal:
        for number, one in enumerate(asked):
            wrong = rng.choice(tuple(theme for theme in WAY if theme != one.theme))
            match number % 10:
                case 3:
                    _say(journal, session, number, one, one.said, fate="cut")
                case 6:
                    _say(journal, session, number, one, f"{WAY[wrong][0]}，{one.core}。")
                    phrase = f"{session}-{number}-0"
                    journal.append(
                        ROOM, session, {"type": "complaint", "id": phrase, "why": "文不对题", "by": "值班"}
                    )
                case 1 | 8:
                    _say(journal, session, number, one, f"{one.core}。", source="template")
                    journal.append(ROOM, session, _correction(session, number, one))
                case _:
                    _say(journal, session, number, one, one.said)


def _say(
    journal: Journal, session: str, number: int, one: Asked, text: str, *, fate: str = "finished", source: str = "model"
) -> None:  # fmt: skip
    """An answer as the show's record keeps it, in one phrase a clause, each with its fate."""
    parts = [f"{clause}，" for clause in text.split("，")]
    parts[-1] = parts[-1].removesuffix("，")
    for index, part in enumerate(parts):
        phrase = {
            "id": f"{session}-{number}-{index}", "kind": "answer", "persona": PERSONA, "text": part,
            "trace": str(Trace("q", f"m{session}-{number}", index, len(parts))),
        }  # fmt: skip
        told = {
            "look": "builtin:tangzhuang", "line": f"l{session}-{number}", "source": source, "core": f"{one.core}。",
            "adapters": {"language": "", "visual": ""}, "facts": [asdict(fact) for fact in one.facts],
            "product": one.product, "question": f"m{session}-{number}", "asked": one.question, "user": "看客",
            "act": "answer",
        }  # fmt: skip
        journal.append(ROOM, session, {"type": "say", **phrase, **told})
        last = index == len(parts) - 1
        journal.append(
            ROOM, session,
            {"type": "fate", **phrase, "fate": fate if last else "finished", "position": 44100 * number, "heard_s": 1.2},
        )  # fmt: skip


def _correction(session: str, number: int, one: Asked) -> dict[str, Any]:
    return {
        "type": "correction", "question": f"m{session}-{number}", "asked": one.question, "user": "看客", "persona": PERSONA,
        "product": one.product, "answer": one.said, "by": "值班",
    }  # fmt: skip


def write_config(folder: Path) -> Path:
    """A configuration in which she hosts, with her phrases in her settings and her journal in `state`."""
    personas = yaml.safe_load((ROOT / "configs" / "personas.yaml").read_text(encoding="utf-8"))["personas"]
    lady = next(one for one in personas if one["id"] == "tang-lady")
    lady |= {"id": PERSONA, "name": "吴掌柜", "adapters": {"language": "promoted"}}
    lady["style"] = {
        "self_name": "掌柜", "address": ["诸位乡亲"], "openers": [before for before, _ in WAY.values()],
        "closers": [after for _, after in WAY.values()], "particles": [],
    }  # fmt: skip
    lady.pop("portrait", None)
    config = {
        "state_dir": str(folder / "state"), "catalog": str(ROOT / "configs" / "catalog.yaml"),
        "adapters": str(folder / "adapters"), "models": {"language": {"engine": "embedded"}},
        "include": [str(ROOT / "configs" / "rundowns" / "tang-show.yaml")], "personas": [lady],
        "rooms": [{"id": ROOM, "default_persona": PERSONA, "default_rundown": "tang-show", "zone": "Asia/Shanghai"}],
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Measured:
    """How an adapter does on the held-out questions: shares of the rows, and the perplexity of her words."""

    hers: float  # true to the facts and in her way: what the loop is for
    faithful: float
    way: float
    perplexity: float
    rows: int = 0  # that were trained on

    def __str__(self) -> str:
        return (
            f"hers {self.hers:.2f} (faithful {self.faithful:.2f}, her way {self.way:.2f}), "
            f"perplexity {self.perplexity:.3f}, {self.rows} rows"
        )


class Loop:
    """The loop of one persona: an evening's journal, the export, training from the last adapter, evaluation."""

    def __init__(self, folder: Path, *, seed: int, evening: int, held: int, recipe: dict[str, Any]) -> None:
        self._folder, self._seed, self._evening, self._recipe = folder, seed, evening, recipe
        self._library = folder / "adapters"
        self._library.mkdir(parents=True)
        self._config = write_config(folder)
        self._consent = folder / "consent.yaml"
        self._consent.write_text(CONSENT, encoding="utf-8")
        self._settings = read_settings(self._config, review=False)
        self._catalog = Catalog.load(self._settings.catalog)
        self._viewers = Viewers(self._catalog, seed=seed)
        asked = self._viewers.held_out(held)
        self._themes = {f"h{number}": one.theme for number, one in enumerate(asked)}
        self._held = folder / "never-asked.jsonl"
        write_samples(self._held, [one.sample(f"h{number}") for number, one in enumerate(asked)])

    def evening(self, number: int) -> None:
        """A show is played, and all journals so far become a data set."""
        asked = self._viewers.evening(self._evening)
        journal = self._folder / "state" / "journal"
        asyncio.run(play(journal, f"2026120{number}-evening", asked, seed=self._seed * 100 + number))
        export_journal(
            self._config, journal=None, room=None, since=None, until=None, persona=None, out=self._data(number),
            earlier=self._data(number - 1) if number > 1 else None,
        )  # fmt: skip

    def learn(self, number: int, *, shuffled: bool = False) -> list[Measured]:
        """Train on an evening's data set, from the evening before's adapter; returns the bare base's and its measures.

        `shuffled` gives every question of the data set another one's answer.
        """
        name = "shuffled" if shuffled else "way"
        data, home = self._data(number), self._library / PERSONA / "language"
        rows = read_samples([data / "samples.jsonl"])
        if shuffled:
            answers = [one.target for one in rows]
            random.Random(self._seed).shuffle(answers)
            rows = [replace(one, target=target) for one, target in zip(rows, answers, strict=True)]
        train_data = self._folder / f"{name}-{number}.jsonl"
        write_samples(train_data, rows)
        out = home / f"{name}-{number}"
        recipe = {
            **self._recipe, "kind": "language", "base_model": "embedded", "train_data": str(train_data),
            "validation_data": str(data / "held.jsonl"), "output_dir": str(out), "seed": self._seed,
            "consent": str(self._consent),
        }  # fmt: skip
        if number > 1:
            recipe["init_from"] = str(home / f"{name}-{number - 1}")
        file = self._folder / f"{name}-{number}.yaml"
        file.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
        read = read_recipe(file)
        assert isinstance(read, Recipe)
        train(read, say=lambda _: None)
        return self._measured(out, len(rows))

    def _data(self, number: int) -> Path:
        return self._folder / f"data-{number}"

    def _measured(self, adapter: Path, rows: int) -> list[Measured]:
        found = evaluate_adapter(
            adapter, self._held, catalog=self._catalog, manner=self._settings.personas[0].own_words,
            threads=int(self._recipe["threads"]),
        )  # fmt: skip
        out = []
        for measures, said in (
            (found.bare, [(row.bare, row.bare_marks, self._themes[row.id]) for row in found.rows]),
            (found.measures, [(row.said, row.marks, self._themes[row.id]) for row in found.rows]),
        ):
            way = [in_her_way(theme, text) for text, _, theme in said]
            both = [bool(marks["faithful"]) and hers for (_, marks, _), hers in zip(said, way, strict=True)]
            out.append(
                Measured(
                    sum(both) / len(both),
                    measures["faithful"],
                    sum(way) / len(way),
                    measures["perplexity"],
                    rows,
                )
            )
        return out
