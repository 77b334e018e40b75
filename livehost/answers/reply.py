"""`answer`: a line of chat in, what the host does about it out.

clean → product → gate (injection, diversion, abuse, "are you real?", a life in danger) → the operator's own
entry → intents, by the rules and, where they know none, by the model → facts → words → last look (numbers
come from facts, the compliance review does not block).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from livehost.answers import faq, foreign, gate, measures, on_goods, on_price, variants
from livehost.answers.asking import Asking, Said
from livehost.answers.by_number import Topic
from livehost.answers.clean import clauses, clean
from livehost.answers.faq_book import spoken
from livehost.answers.handlers import (
    DELICATE,
    DOSES,
    HANDLERS,
    OF_SHOP,
    OPEN,
    REMARKED,
    SOFT,
    TOPICS,
    WEAK,
)
from livehost.answers.intents import Asked, asked
from livehost.answers.likely import (
    LIKELY,
    OUTVOTES,
    SURE,
    SURER,
    Likely,
    likely,
    with_clauses,
)
from livehost.answers.likeness import respelt
from livehost.answers.mentioned import mentioned, of_property, own_words
from livehost.answers.products import topic, words_of
from livehost.answers.properties import property_of
from livehost.answers.senses import clause_of, insults, of_goods, outvoted, surely, told
from livehost.answers.speaker import Speaker
from livehost.answers.types import Answer, Book
from livehost.answers.words import DECLINE, DISCLOSE, STAY, pick
from livehost.catalog import Catalog, Product
from livehost.settings import Language, Style

_ABOUT_USE = re.compile("(?:能|可以|会|能不能|可不可以)(?:戴|用|穿|吃|喝|放|洗|带|装|敷|涂)")
# What is left where a line only names a product: 是不是3号, 有没有那个面膜.
_NOTHING_MORE = re.compile(
    "(?:是不是|是|吗|么|不|没|有没有|有|在|那个?|这个?|款|的|你们?|家|呀|啊|想看看?|看看?|[\\s,，、])*"
)
MAX_SAYINGS = 4
# Between two products of the catalogue, each is told by itself.
_BETWEEN = {"worth": "price", "compare": "intro"}


def answer(
    text: str,
    *,
    catalog: Catalog,
    on_air: str | None,
    now: datetime,
    style: Style | None = None,
    user: str = "",
    platform: str | None = None,
    previous_product: str | None = None,
    book: Book | None = None,
    persona: str = "",
    seed: int = 0,
    language: Language = "zh",
) -> Answer:
    """Understand one line of chat and word what the catalogue knows about it.

    `previous_product`: what the viewer asked about before, for follow-ups that name nothing. `book`: the
    operator's own approved answers, which come first once the line is no order, insult or way out.
    """
    here = catalog.on_platform(platform)
    line = clean(text[:300])
    room = _Room(here, now, style, seed, language, book, persona)
    about = topic(line, here, here.get(on_air), here.get(previous_product))
    got = room.respond(line, text, about, here.get(on_air))
    if got.act in ("handover", "ignore") and got.intent in ("unknown", "noise") and about.product is not None:
        meant = respelt(about.rest, words_of(about.product))
        if meant is not None:
            again = room.respond(meant, meant, replace(about, rest=meant), here.get(on_air))
            return again if again.act == "answer" else got
    return got


class _Room(Speaker):
    """What stays the same while one line is answered, and the way through it."""

    def __init__(
        self,
        catalog: Catalog,
        now: datetime,
        style: Style | None,
        seed: int,
        language: Language,
        book: Book | None,
        persona: str,
    ) -> None:
        super().__init__(catalog, now, style, seed, language)
        self.book, self.persona = book, persona

    def respond(self, line: str, raw: str, about: Topic, on_air: Product | None) -> Answer:
        """Gate the line, then answer it."""
        bare = about.rest
        if gate.injected(line):
            if gate.asks_ai(bare):  # whatever she is ordered to say of herself, she says what she is
                return self.fixed("disclose", DISCLOSE, "ai_identity")
            return self.fixed("decline", DECLINE, "injection")
        if gate.diverts(line, raw):
            return self.fixed("decline", STAY, "diversion")
        if insults(line):
            return self.fixed("decline", DECLINE, "abuse")
        if gate.asks_ai(bare):
            return self._disclosed(gate.without_ai(bare), about)
        if gate.in_crisis(line):
            return self.handover(None, "crisis")
        if gate.to_others(line):
            return Answer("ignore", "", None, "noise")
        if (entry := self._booked(line, about)) is not None:
            return entry
        guess = likely(line, bare)
        if guess.label in ("injection", "diversion") and guess.share >= OUTVOTES:
            return self.fixed("decline", STAY if guess.label == "diversion" else DECLINE, guess.label)
        wanted = with_clauses(bare, asked(bare))
        if not wanted and about.product is not None and variants.asked_bare(bare, about.product):
            return self._answered(line, bare, (Asked("price", 0, bare),), about)
        noise = gate.is_noise(line) and not (wanted and gate.is_question(line))
        if gate.is_remark(line) and not gate.is_question(line) and all(a.intent in REMARKED for a in wanted):
            return Answer("ignore", "", None, "noise")
        if gate.far_off(bare) or (
            gate.off_topic(bare) and all(a.intent in WEAK for a in wanted) and not surely(property_of(bare))
        ):
            return self.fixed("decline", DECLINE, "off_topic")
        if about.elsewhere is not None:
            asks = (
                bool(wanted)
                or any(map(gate.is_question, (line, *clauses(line))))
                or re.fullmatch("[我你想要买求看的有 ]*", bare)
            )
            return self.not_on_sale(about.elsewhere) if asks and not noise else Answer("ignore", "")
        if about.missing_link is not None:
            return self.no_such_link(about.missing_link, on_air) if not noise else Answer("ignore", "")
        if noise:
            return Answer("ignore", "", None, "noise")
        if self._entry(line, bare, about) is not None:
            return self._answered(line, bare, wanted, about)
        if wanted and all(a.intent in SOFT for a in wanted):
            approved = self._of_property(clause_of(wanted[0].intent, bare), about, least=SURE)
            if approved is not None:
                return approved
        opened = {a.intent for a in wanted} <= {"life", "lasts"} and surely(property_of(bare), "opened")
        if not wanted or opened or outvoted(line, bare, wanted):
            return self._guessed(line, bare, wanted, about)
        return self._answered(line, bare, wanted, about)

    def _guessed(self, line: str, bare: str, wanted: tuple[Asked, ...], about: Topic) -> Answer:
        """What the line most likely asks, where the rules know no intent or are outvoted; else what words of
        the product it has."""
        guess = likely(line, bare)
        wished = property_of(bare)
        sure = surely(wished)
        asks = gate.is_question(line) or about.named
        if asks and (guess.intent not in DELICATE or guess.share < SURE):
            entry = self._of_property(bare, about)
            if entry is not None:
                return entry
        if surely(wished, "opened"):
            return self.handover(about.product, "opened")
        doubted = guess.label == "off_topic" and (
            faq.risky(line, "") or (about.named and guess.share < OUTVOTES)
        )
        away = self._turned_away(guess) if not sure and not doubted else None
        if away is not None:
            return away
        if (
            guess.intent in HANDLERS
            and guess.share >= (LIKELY if asks else SURER)
            and not faq.risky(bare, "")
        ):
            got = self._answered(line, bare, (Asked(guess.intent, 0, bare),), about)
            silent = measures.asks_how_much(bare) and not re.search(r"\d", got.text)
            if (got.act == "answer" and not silent) or guess.intent in DELICATE:
                return got
        if wanted:
            return self._answered(line, bare, wanted, about)
        saying = self._mentioned(line, bare, about)
        if saying is not None:
            return saying
        got = self._unasked(line, about)
        known = (sure and asks) or (guess.share >= SURE and guess.label not in ("noise", "remark"))
        return self.handover(about.product, "unknown") if known and got.act in ("ignore", "answer") else got

    def _turned_away(self, guess: Likely) -> Answer | None:
        if guess.share < SURE:
            return None
        match guess.label:
            case "ai_identity":
                return self.fixed("disclose", DISCLOSE, "ai_identity")
            case "diversion":
                return self.fixed("decline", STAY, "diversion")
            case "injection" | "abuse" | "off_topic":
                return self.fixed("decline", DECLINE, guess.label)
            case "noise" | "remark":
                return Answer("ignore", "", None, "noise")
            case _:
                return None

    def _booked(self, line: str, about: Topic) -> Answer | None:
        """The operator's own approved answer, its placeholders filled with the facts of the moment."""
        if self.book is None:
            return None
        product = about.product
        entry = self.book.find(
            line, product=product.id if product else None, persona=self.persona, now=self.now
        )
        if entry is None:
            return None
        filled = spoken(entry, product, self.catalog, self.now)
        if filled is None:  # the operator has words for it, and they rest on what is not known
            return None if asked(about.rest) else self.handover(product, "book")
        said = Said(filled.text, filled.facts)
        return self.checked("answer", [said], product, "book")

    def _mentioned(self, line: str, bare: str, about: Topic) -> Answer | None:
        """No intent, but a question with words of the product in it, which are Chinese."""
        product = about.product if self.language == "zh" else None
        asks = gate.is_question(line) or (about.named and re.search("[\u4e00-\u9fff]{3}", bare))
        if product is None or not product.speakable(self.now) or not asks:
            return None
        saying = mentioned(Asking(bare, self.catalog, product, self.now)) or self._one(
            "", Asking(bare, self.catalog, product, self.now)
        )
        return self.checked("answer", [saying], product, "mentioned") if saying else None

    def _unasked(self, line: str, about: Topic) -> Answer:
        """Nothing recognised: a named product is introduced, a question handed over, talk ignored."""
        what_of = re.search(r"呢[?？\s]*$", line) and not re.search(r"怎么|什么|多|几|哪|能|会", line)
        only_named = what_of or _NOTHING_MORE.fullmatch(about.rest) or not gate.is_question(line)
        if about.named and about.product and only_named:
            ask = Asking(line if self.language == "zh" else about.rest, self.catalog, about.product, self.now)
            said: Sequence[Said | None] = (
                (on_price.price(ask), on_price.link(ask))
                if self.language == "zh"
                else foreign.sayings(["price", "link"], ask, self.language)[0]
            )
            return self.checked("answer", said, about.product, "price+link")
        if gate.is_question(line):
            if gate.is_chat(line) and not _ABOUT_USE.search(line):
                return self.fixed("decline", DECLINE, "off_topic")
            return self.handover(about.product, "unknown")
        return Answer("ignore", "", None, "noise")

    def _answered(self, line: str, bare: str, wanted: tuple[Asked, ...], about: Topic) -> Answer:
        said, unknown, intent = self._sayings(line, bare, wanted, about)
        if not said or any(u in DELICATE for u in unknown):
            return self.handover(about.product, intent)
        notes = [TOPICS[u] for u in unknown if u in TOPICS]
        if notes and self.language == "zh":
            said.append(Said(f"{'、'.join(notes)}我请店铺客服确认后回复您"))
        return self.checked("answer", said, about.product, intent)

    def _sayings(
        self, line: str, bare: str, wanted: tuple[Asked, ...], about: Topic
    ) -> tuple[list[Said], list[str], str]:
        """What can be said to each intent, what cannot, and the intents' names."""
        said: list[Said] = []
        unknown: list[str] = []
        names = list(dict.fromkeys(a.intent for a in wanted))
        products = about.products
        if not products:
            said = [s for n in names if n in OF_SHOP and (s := self._of_shop(n, bare))]
            return said, [n for n in names if n not in OF_SHOP], "+".join(names)
        if self.language != "zh":
            return (
                *foreign.sayings(names, Asking(bare, self.catalog, products[0], self.now), self.language),
                "+".join(names),
            )
        several = len(products) > 1
        names = [_BETWEEN.get(n, n) if several else n for n in names]
        for product in products[:2]:
            ask = Asking(bare, self.catalog, product, self.now)
            if not product.speakable(self.now):
                unknown += names
                continue
            covered = self._approved(line, bare, names, ask, said)
            left = [n for n in names if n not in covered]
            if DELICATE & set(left):  # beside a warning no dose and no praise
                left = [n for n in left if n in DELICATE or n not in DOSES]
            for name in left[:MAX_SAYINGS]:
                saying = self._one(name, ask)
                if saying is None:
                    unknown.append(name)
                elif not told(saying, said):
                    said.append(saying)
        return said, unknown, "+".join(names) or "faq"

    def _approved(self, line: str, bare: str, names: list[str], ask: Asking, said: list[Said]) -> set[str]:
        """Say the FAQ's words for the clauses that they fit; the intents of those clauses are covered."""
        covered: set[str] = set()
        parts = clauses(bare)
        numbers: dict[int, str] = {}
        whole = (bare,) if of_goods(asked(bare)) else (line, bare)
        for clause in dict.fromkeys((*parts, *whole) if len(parts) > 1 else (*whole, *parts)):
            number = faq.entry(clause, ask.product)
            if number is None and len(parts) > 1 and {a.intent for a in asked(clause)} <= SOFT:
                number = faq.entry_of_property(clause, ask.product, least=SURE)
            delicate = {a.intent for a in asked(clause)} & DELICATE
            if number is not None and delicate <= faq.kinds_of(ask.product, number):
                numbers.setdefault(number, clause)
        for number, clause in numbers.items():
            words = ask.get(f"faq.{number}")
            if words:
                said.append(ask.say(words))
                covered |= {a.intent for a in asked(clause)}
            if clause in (line, bare) and len(parts) <= 1:
                covered |= set(names)
        return covered

    def _one(self, name: str, ask: Asking) -> Said | None:
        handler = HANDLERS.get(name)
        if (
            name == "worth"
            and ask.has(
                "(?<![\\dgl克升斤片粒支包袋盒瓶装])(?:和|跟|与|同)(?!\\d).{1,10}(?:比|哪个|哪家|谁|好在)"
            )
            and not ask.specs()
        ):
            name, handler = "compare", HANDLERS["compare"]
        if name == "compare" and len(ask.specs()) > 1:
            return on_price.worth(ask)
        if name == "compare":
            number = faq.entry_of_kind(ask.line, ask.product, name)
            if number is not None:
                words = ask.get(f"faq.{number}")
                return ask.say(words) if words else None
        if name in OPEN and on_goods.named_group(ask):
            handler = HANDLERS["suitable"]
        if name == "free_shipping":  # 包邮不 新疆送吗: of each clause by itself
            ask = replace(ask, line=clause_of(name, ask.line))
        asks_other, known = measures.asked_amount(name, replace(ask, line=clause_of(name, ask.line)))
        saying = known if asks_other else handler(ask) if handler else None
        ask.used.clear()
        if saying is None:
            number = faq.entry_of_kind(ask.line, ask.product, name)
            words = ask.get(f"faq.{number}") if number is not None else None
            saying = ask.say(words) if words else None
        if saying is None and name in OPEN:
            saying = own_words(ask)
        return saying

    def _of_shop(self, name: str, line: str) -> Said | None:
        """A question about the shop itself, with no product at hand."""
        some = self.catalog.products[0].model_copy(
            update={"id": "", "returns": type(self.catalog.products[0].returns)()}
        )
        return HANDLERS[name](Asking(line, self.catalog, some, self.now))

    def _entry(self, line: str, bare: str, about: Topic) -> int | None:
        if about.product is None or not about.product.speakable(self.now):
            return None
        lines = [bare, *(c for c in clauses(bare) if len(c) > 1)]
        if not of_goods(asked(bare)):  # a name beside its price makes it no question of an entry
            lines.insert(0, line)
        return next((n for one in lines if (n := faq.entry(one, about.product)) is not None), None)

    def _of_property(self, bare: str, about: Topic, *, least: float = 0) -> Answer | None:
        """The product's words about the property that a line asks for: approved ones, else the catalogue's.

        `least`: how sure it must be that an approved entry is about the same; then only such an entry counts.
        """
        product = about.product if self.language == "zh" else None  # its words are Chinese
        if product is None or not product.speakable(self.now):
            return None
        saying = of_property(Asking(bare, self.catalog, product, self.now), least=least)
        return self.checked("answer", [saying], product, "property") if saying else None

    def _disclosed(self, rest: str, about: Topic) -> Answer:
        said = [Said(pick(DISCLOSE[self.language], self.seed))]
        wanted = tuple(
            a for a in asked(rest) if a.intent in HANDLERS and a.intent not in ("authentic", "intro")
        )
        product = None
        intent = "ai_identity"
        if wanted and about.products:
            more, unknown, names = self._sayings(rest, rest, wanted, about)
            if not any(u in DELICATE for u in unknown):
                said += more
            if more or unknown:
                product, intent = about.product, f"ai_identity+{names}"
        return self.checked("disclose", said, product, intent)
