"""How the host says what was found: sentences joined, looked over once more, and worded in her manner; fixed
sentences where nothing is known or wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from livehost.answers.asking import Asking, Said
from livehost.answers.facts import ASKED_LINK
from livehost.answers.numbers import unfounded
from livehost.answers.types import Answer, Fact
from livehost.answers.words import DISCLOSE, HANDOVER, pick, styled
from livehost.catalog import Catalog, Product
from livehost.compliance.review import review
from livehost.settings import Language, Style


class Speaker:
    """One host, at one moment: the catalogue as it is, her manner, her language, the turn of her wordings."""

    def __init__(
        self, catalog: Catalog, now: datetime, style: Style | None, seed: int, language: Language
    ) -> None:
        self.catalog, self.now, self.style, self.seed, self.language = catalog, now, style, seed, language

    def not_on_sale(self, noun: str) -> Answer:
        """Goods that the catalogue does not hold: nothing is said of them, least of all a price."""
        text = f"{noun}的资料我手上没有，请店铺客服核实后再回复您"
        known = (
            noun and not noun[0].isascii()
        )  # what is written in letters may be anything: it is not repeated
        sound = known and not unfounded(text, ()) and review(text, now=self.now).verdict == "pass"
        if self.language != "zh" or not sound:
            return self.handover(None, "elsewhere")
        core, styles = styled(text, None, self.seed, self.language), (self.style, self.seed, self.language)
        return Answer("handover", styled(text, *styles), None, "elsewhere", core=core)

    def no_such_link(self, number: int, on_air: Product | None) -> Answer:
        gone = Fact("", ASKED_LINK, str(number))
        if on_air is None or not on_air.speakable(self.now):
            text = {
                "zh": f"没有{number}号链接，您看下小黄车里的编号",
                "en": f"There is no link {number}",
                "ja": f"{number}番のリンクはありません",
            }[self.language]
            return self.checked("answer", [Said(text, (gone,))], None, "link")
        ask = Asking("", self.catalog, on_air, self.now)
        link, name = ask.get("link"), ask.get("name")  # a name may hold figures: 316不锈钢杯
        text = {
            "zh": f"直播间没有{number}号链接，现在讲的是{link}号链接{name}",
            "en": f"There is no link {number}; we are showing link {link} now",
            "ja": f"{number}番のリンクはありません。今ご紹介しているのは{link}番です",
        }[self.language]
        said = ask.say(text)
        return self.checked("answer", [Said(said.text, (gone, *said.facts))], None, "link")

    def checked(self, act: str, said: Sequence[Said | None], product: Product | None, intent: str) -> Answer:
        """Join the sayings, and hand over what does not pass the last look."""
        kept = [s for s in said if s is not None]
        facts = tuple(dict.fromkeys(f for s in kept for f in s.facts))
        joint = {"zh": "。", "en": ". ", "ja": "。"}[self.language]
        core = joint.join(s.text.rstrip("。. ") for s in kept)
        verdict = review(core, product=product, now=self.now).verdict if act == "answer" else "pass"
        if unfounded(core, facts) or verdict == "block":
            if act == "disclose":
                return self.fixed("disclose", DISCLOSE, intent)
            return self.handover(product, intent)
        text = styled(core, self.style, self.seed, self.language)
        return Answer(
            "disclose" if act == "disclose" else "answer",
            text,
            product.id if product else None,
            intent,
            facts,
            styled(core, None, self.seed, self.language),
        )

    def handover(self, product: Product | None, intent: str) -> Answer:
        words = pick(HANDOVER[self.language], self.seed)
        core, text = (styled(words, style, self.seed, self.language) for style in (None, self.style))
        return Answer("handover", text, product.id if product else None, intent, core=core)

    def fixed(self, act: str, words: dict[Language, tuple[str, ...]], intent: str) -> Answer:
        text = styled(pick(words[self.language], self.seed), None, self.seed, self.language)
        return Answer("disclose" if act == "disclose" else "decline", text, None, intent, core=text)
