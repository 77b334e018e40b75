"""No line goes round the gate: what may not be said gets no sound, and is asked again when facts change."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from livehost.catalog import Catalog
from livehost.clearance import Clearance, blocked, judged
from livehost.lines import Draft, Line
from livehost.voicing import Voicer
from livehost.writer import handed_over, reviewed
from services.wire import PhraseKind
from tests.scripted import ScriptedVoices, a_cast

CATALOG = Catalog.load(Path(__file__).parents[1] / "data" / "catalog.yaml")
NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")


class Moment:
    """A catalogue and a clock that can be changed."""

    def __init__(self) -> None:
        self.catalog, self.now = CATALOG, NOW
        self.gate = Clearance(catalog=lambda: self.catalog, clock=lambda: self.now)


def a_line(*texts: str, kind: PhraseKind = PhraseKind.SCRIPT) -> Line:
    return Line(kind=kind, cast=a_cast(), draft=Draft(texts=texts, product="cleanser-01"))


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (("现在只要39元。",), PhraseKind.SCRIPT),
        (("现在68元。",), PhraseKind.ANSWER),  # true, and no fact of this answer
        (("qw第一的洁面。",), PhraseKind.INSERT),
        (("大家好，", "国家", "级的洁面。"), PhraseKind.GREETING),  # split over phrases
        (("加薇❤领券。",), PhraseKind.BRIDGE),
    ],
)
async def test_what_may_not_be_said_gets_no_sound(texts: tuple[str, ...], kind: PhraseKind) -> None:
    line = a_line(*texts, kind=kind)
    await Voicer(ScriptedVoices(), refused=Moment().gate.refused).voice(line, lambda: None)
    assert line.failed and line.voiced == [None] * len(texts)


async def test_what_may_be_said_is_voiced() -> None:
    line = a_line("现在68元，1号链接。")
    await Voicer(ScriptedVoices(), refused=Moment().gate.refused).voice(line, lambda: None)
    assert not line.failed and all(line.voiced)


def test_a_line_is_judged_again_when_its_price_or_its_time_is_over() -> None:
    moment = Moment()
    priced, last = a_line("现在68元。"), a_line("最后两小时。")
    coupon = {"amount": "10.00", "threshold": "68.00", "until": (NOW + timedelta(minutes=100)).isoformat()}
    moment.catalog = CATALOG.with_changes({"cleanser-01": {"coupon": coupon}})
    assert moment.gate.refused(priced) is None and moment.gate.refused(last) is None
    moment.catalog = moment.catalog.with_changes({"cleanser-01": {"price": "72.00"}})
    assert moment.gate.refused(priced) is not None and moment.gate.refused(last) is None
    moment.now += timedelta(hours=2)
    assert moment.gate.refused(last) is not None


def test_a_refused_answer_is_handed_over_in_words_that_pass() -> None:
    cast = a_cast()
    bad = Draft(texts=("它能治愈湿疹。",), product="cleanser-01")
    kept, hits = reviewed(bad, CATALOG, NOW, cast.persona)
    assert kept is None and hits
    assert reviewed(handed_over(cast), CATALOG, NOW, cast.persona)[0] is not None


def test_a_refusal_names_words_and_rule() -> None:
    text = "现在只要39元，全网第一"
    found = judged(Draft(texts=(text,), product="cleanser-01"), CATALOG, NOW, strict=False)
    refused = blocked(text, found)
    assert refused.status == 422 and "39元" in refused.problem and "全网第一" in refused.problem
    errors = refused.details["errors"]
    assert {"39元", "全网第一"} <= {error["words"] for error in errors}
    assert all(error["at"] and error["rule"] and error["message"] for error in errors)
    assert {error["verdict"] for error in errors} == {"block"}
