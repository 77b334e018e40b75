"""Small judgements on what a line asks: in which clause, how surely, and what has been told already."""

from __future__ import annotations

from livehost.answers import gate
from livehost.answers.asking import Said
from livehost.answers.clean import clauses
from livehost.answers.handlers import HANDLERS, OF_GOODS
from livehost.answers.intents import Asked, asked
from livehost.answers.likely import AWAY, SURE, Likely
from livehost.answers.likely import outvoted as model_outvotes


def of_goods(wanted: tuple[Asked, ...]) -> bool:
    """Whether nothing but what any goods have is asked for: price, link, stock."""
    return bool(wanted) and all(one.intent in OF_GOODS for one in wanted)


def outvoted(line: str, bare: str, wanted: tuple[Asked, ...]) -> bool:
    """Whether a line surely asks for something else; what the rules leave to the service desk stays there."""
    guess = model_outvotes(line, bare, wanted)
    return guess is not None and (wanted[0].intent in HANDLERS or guess.label in AWAY)


def insults(line: str) -> bool:
    """Whether a line insults; harm that is told of in strong words is no insult."""
    return gate.abuses(line) and not any(one.intent == "adverse" for one in asked(line))


def surely(wished: Likely | None, label: str = "") -> bool:
    """Whether a property is surely asked for, of a label where one is given."""
    return wished is not None and wished.share >= SURE and label in ("", wished.label)


def clause_of(intent: str, line: str) -> str:
    """The clause of a line in which an intent is asked for; the whole line where it is in none alone."""
    return next((c for c in clauses(line) if any(a.intent == intent for a in asked(c))), line)


def told(saying: Said, said: list[Said]) -> bool:
    """Whether all that a saying holds has been said."""
    before = {f for s in said for f in s.facts}
    news = [f for f in saying.facts if f.field != "name"]
    return saying.text in {s.text for s in said} or (bool(news) and all(f in before for f in news))
