"""`python -m bench.answers [--catalog C] [--questions Q] [--lines L] [--readings R]`: how right the answers are.

Every question is answered by the templates, every line reviewed, every reading read, as the commands `ask`,
`review` and `read` do. Prints the rows that fall short, then a table, then one JSON object as its last line:

`right`               questions with the right act that hold all of `all`, one of `any` and none of `none`
`said_forbidden`      answers that say a string of `none`
`unfounded`           answers that the claim check does not pass with the facts that they carry, or with a
                      digit in them that none of these facts holds
`block_recall`        lines to be blocked that are blocked; `false_block` of lines that pass
`readings_right`      texts read aloud as one of the row's readings

The rows are the fixtures' (`tests/data`), or those of the files that are named: then only the sets named are
scored. Every row is left in `bench/out/scored.csv`. The exit status is 0 whatever the figures are.
"""

from __future__ import annotations

import argparse
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import rows
from livehost.answers import Answer, answer
from livehost.catalog import Catalog
from livehost.compliance import review
from livehost.compliance.claim_check import check_said
from services.speech.normalise import read_aloud

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
GOALS = {
    "right": ">= 0.97",
    "said_forbidden": "0",
    "unfounded": "0",
    "block_recall": ">= 0.97",
    "false_block": "<= 0.03",
    "readings_right": ">= 0.97",
}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ENDS = "。，,.!！?？"


@dataclass(frozen=True)
class Scored:
    """A row as it was judged: what came out, and why it falls short (empty: it does not)."""

    id: str
    text: str
    wanted: str
    got: str
    said: str
    faults: tuple[str, ...] = ()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def plain(text: str) -> str:
    """Text as it is compared: NFKC, lower case, no white space."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def _holds(text: str, alternatives: str) -> bool:
    return any(plain(one) in text for one in alternatives.split("|") if one)


def question_faults(row: dict[str, Any], got: Answer) -> tuple[str, ...]:
    """Why an answer falls short of its row."""
    text = plain(got.text)
    found = [] if got.act == row["act"] else [f"act {got.act} for {row['act']}"]
    if row["act"] == "ignore":
        return (*found, *(["spoke"] if text else []))
    if not text:
        found.append("said nothing")
    found += [f"lacks {words}" for words in row.get("all", ()) if not _holds(text, words)]
    wished = row.get("any", ())
    if wished and not any(_holds(text, words) for words in wished):
        found.append(f"lacks any of {wished}")
    found += [f"says {words}" for words in row.get("none", ()) if _holds(text, words)]
    return tuple(found)


def unfounded(got: Answer, catalog: Catalog, now: datetime = NOW) -> tuple[str, ...]:
    """What an answer claims without a fact of its own: by the claim check, and digit by digit."""
    if not got.text:
        return ()
    checked = check_said(
        got.text, facts=got.facts, product=catalog.get(got.product), catalog=catalog, now=now
    )
    found = [f"{hit.rule}: {got.text[slice(*hit.span)]}" for hit in checked.hits if hit.verdict != "pass"]
    # A sum's field holds how many it is of: total.2, total_after_coupon.3:5kg.
    sums = (fact.field for fact in got.facts if fact.field.startswith("total"))
    values = " ".join((*(str(fact.value) for fact in got.facts), *sums))
    known = {_trimmed(number) for number in _NUMBER.findall(unicodedata.normalize("NFKC", values))}
    said = unicodedata.normalize("NFKC", _unnamed(got.text, catalog))
    found += [f"number {one}" for one in _NUMBER.findall(said) if _trimmed(one) not in known]
    return tuple(dict.fromkeys(found))


def _unnamed(text: str, catalog: Catalog) -> str:
    """The text without names of products and of their sizes, and without what a flag is called.

    A figure in a name claims nothing; that 7天无理由 stands on a fact is the claim check's to see.
    """
    names = {"7天无理由"}
    for product in catalog.products:
        names |= {product.name, *product.aliases, *(spec.name for spec in product.specs or ())}
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def _trimmed(number: str) -> str:
    whole, _, rest = number.partition(".")
    rest = rest.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}" if rest else whole


def questions(given: Iterable[dict[str, Any]], catalog: Catalog) -> tuple[list[Scored], dict[str, Any]]:
    """Each question scored, and the figures."""
    scored: list[Scored] = []
    by_act: Counter[str] = Counter()
    right: Counter[str] = Counter()
    claims = 0
    for row in given:
        got = answer(
            row["text"], catalog=catalog, on_air=row.get("on_air"), now=NOW, platform=row.get("platform")
        )
        faults = question_faults(row, got)
        by_act[row["act"]] += 1
        right[row["act"]] += not faults
        loose = unfounded(got, catalog)
        claims += bool(loose)
        noted = (*faults, *(f"unfounded {one}" for one in loose))
        scored.append(Scored(str(row["id"]), row["text"], row["act"], got.act, got.text, noted))
    return scored, {
        "questions": len(scored),
        "right": _share(sum(right.values()), len(scored)),
        "said_forbidden": sum(any(one.startswith("says ") for one in each.faults) for each in scored),
        "unfounded": claims,
        "by_act": {act: f"{right[act]}/{count}" for act, count in sorted(by_act.items())},
    }


def lines(given: Iterable[dict[str, Any]]) -> tuple[list[Scored], dict[str, Any]]:
    """Each script line scored, and the figures."""
    scored: list[Scored] = []
    table: Counter[tuple[str, str]] = Counter()
    for row in given:
        verdict = review(row["text"], category=row.get("category") or "other").verdict
        table[row["verdict"], verdict] += 1
        faults = () if verdict == row["verdict"] else (f"{verdict} for {row['verdict']}",)
        scored.append(Scored(str(row["id"]), row["text"], row["verdict"], verdict, "", faults))
    to_block = sum(count for (wanted, _), count in table.items() if wanted == "block")
    to_pass = sum(count for (wanted, _), count in table.items() if wanted == "pass")
    return scored, {
        "lines": len(scored),
        "lines_right": _share(sum(not one.faults for one in scored), len(scored)),
        "block_recall": _share(table["block", "block"], to_block),
        "block_or_review": _share(table["block", "block"] + table["block", "review"], to_block),
        "false_block": _share(table["pass", "block"], to_pass, none=0.0),
    }


def readings(given: Iterable[dict[str, Any]]) -> tuple[list[Scored], dict[str, Any]]:
    """Each reading scored, and the figures."""
    scored = []
    for row in given:
        spoken = read_aloud(row["text"])
        ways = {plain(one).strip(_ENDS) for one in row["reading"].split("|")}
        faults = () if plain(spoken).strip(_ENDS) in ways else ("read otherwise",)
        scored.append(Scored(str(row["id"]), row["text"], row["reading"], spoken, "", faults))
    right = sum(not one.faults for one in scored)
    return scored, {"readings": len(scored), "readings_right": _share(right, len(scored))}


def _share(count: int, of: int, none: float = 1.0) -> float:
    return round(count / of, 4) if of else none


def measure(
    *, catalog: Path, asked: Path | None, reviewed: Path | None, read: Path | None
) -> tuple[list[tuple[str, Scored]], dict[str, Any]]:
    """Score the sets that are given."""
    every: list[tuple[str, Scored]] = []
    figures: dict[str, Any] = {}
    parts: list[tuple[str, tuple[list[Scored], dict[str, Any]]]] = []
    if asked is not None:
        parts.append(("question", questions(read_rows(asked), Catalog.load(catalog))))
    if reviewed is not None:
        parts.append(("line", lines(read_rows(reviewed))))
    if read is not None:
        parts.append(("reading", readings(read_rows(read))))
    for name, (scored, found) in parts:
        every += [(name, one) for one in scored]
        figures |= found
    return every, figures


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.answers", description=__doc__.partition("\n")[0])
    parser.add_argument("--catalog", type=Path, default=DATA / "catalog.yaml")
    for name in ("questions", "lines", "readings"):
        parser.add_argument(f"--{name}", type=Path, help="JSON lines; the fixtures' if no set is named")
    parser.add_argument("--quiet", action="store_true", help="do not print the rows that fall short")
    given = parser.parse_args(arguments)
    sets = (given.questions, given.lines, given.readings)
    if not any(sets):
        sets = (DATA / "questions.jsonl", DATA / "lines.jsonl", DATA / "readings.jsonl")
    every, figures = measure(catalog=given.catalog, asked=sets[0], reviewed=sets[1], read=sets[2])
    rows.write(
        "scored", ("set", "id", "text", "wanted", "got", "said", "faults"),
        [(name, one.id, one.text, one.wanted, one.got, one.said, "; ".join(one.faults)) for name, one in every],
    )  # fmt: skip
    if not given.quiet:
        for name, one in every:
            if one.faults:
                print(f"{name} {one.id} {one.text!r} -> {one.said or one.got!r}: {'; '.join(one.faults)}")
    for name, value in figures.items():
        goal = f"goal {GOALS[name]}" if name in GOALS else ""
        print(f"{name:20} {value!s:>12}   {goal}")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
