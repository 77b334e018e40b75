"""Evaluations: kept whole, compared in pairs with stated tolerances, reported side by side."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.training.evaluating import refuse_seen, unique
from livehost.training.evaluation import (
    EVALUATION_FILE,
    EvaluatedRow,
    Evaluation,
    EvaluationFailed,
    evaluate_adapter,
    read_evaluation,
    rows_sha256,
    unsound,
    write_evaluation,
)
from livehost.training.language_marks import Judge
from livehost.training.report import compared, report, row_way
from livehost.training.style import distance_error, style_distance
from livehost.training.worse import CHANCE, MIN_ROWS, lost_by_chance, worse
from services.training.held_out import sample_digest, seen_by, seen_rows
from services.training.language_evaluate import Said
from services.training.samples import Sample, SampleFact
from tests.scripted_engines import shelve


@cache
def _distance(said: tuple[str, ...]) -> float:
    return style_distance(said, LINES[: len(said)])


LINES = [f"来啦宝子们，第{n}款现在只要{n + 60}元哦，喜欢就点个关注呀。" for n in range(60)]
OTHER = [f"诸位看官，此物第{n}款价银{n + 60}元，容我细细道来。" for n in range(60)]


def _evaluation(
    said: Sequence[str], *, version: str = "1", copied: Sequence[bool] | None = None, nll: float = 0.1
) -> Evaluation:
    """An evaluation of made-up answers to the persona's LINES."""
    kept = [True] * len(said) if copied is None else copied
    rows = tuple(
        EvaluatedRow(
            id=f"r{n}", prompt=f"要点：第{n}款{n + 60}元", target=LINES[n], said=text, bare="",
            marks={"facts_copied": float(ok), "likeness": 1.0, "nll": nll + 0.001 * (n % 7)}, bare_marks={},
        )
        for n, (text, ok) in enumerate(zip(said, kept, strict=True))
    )  # fmt: skip
    measures = {
        "facts_copied": sum(kept) / len(kept),
        "style_distance": _distance(tuple(said)),
        "perplexity": 2.718 ** (nll + 0.003),
    }
    return Evaluation(
        kind="language", persona="tang", version=version, adapter_sha256="a" * 64, base_sha256="b" * 64,
        data_sha256=rows_sha256([row.target for row in rows]), data="held.jsonl", measures=measures, bare={},
        rows=rows, took_s=1.0, at=datetime.now(UTC),
    )  # fmt: skip


def _lost(count: int, won: int = 0, rows: int = 60) -> tuple[Evaluation, Evaluation]:
    """Old and new where `count` rows were lost and `won` were won."""
    old = _evaluation(LINES[:rows], copied=[n >= won for n in range(rows)])
    new = _evaluation(LINES[:rows], copied=[n < rows - count for n in range(rows)], version="2")
    return old, new


@pytest.mark.parametrize(
    ("lost", "won", "blocked"), [(0, 0, 0), (1, 0, 0), (4, 0, 0), (5, 0, 1), (6, 3, 0), (12, 4, 1), (3, 9, 0)]
)
def test_a_fall_of_a_share_must_be_more_than_chance(lost: int, won: int, blocked: int) -> None:
    old, new = _lost(lost, won)
    told = worse(new, old)
    assert len(told) == blocked
    assert all("事实照抄率" in one and "facts copied" in one for one in told)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_chance_of_losses_is_a_binomial_tail(lost: int, won: int) -> None:
    both = lost + won
    assert 0 < lost_by_chance(lost, won) <= 1
    assert lost_by_chance(lost, won) + lost_by_chance(won, lost) >= 1  # they share the middle
    if lost:
        assert lost_by_chance(lost, won) < lost_by_chance(lost - 1, won + 1)
    assert lost_by_chance(0, both) == 1


def test_noise_on_sixty_rows_rarely_blocks_and_a_real_fall_is_seen() -> None:
    rng = random.Random(4)

    def drawn(share: float) -> Evaluation:
        return _evaluation(LINES, copied=[rng.random() < share for _ in range(60)])

    noise = sum(bool(worse(drawn(0.95), drawn(0.95))) for _ in range(150))
    falls = sum(bool(worse(drawn(0.75), drawn(0.95))) for _ in range(150))
    assert noise <= 150 * CHANCE
    assert falls >= 150 * 0.8


def test_an_evaluation_is_no_worse_than_itself() -> None:
    one = _evaluation(LINES)
    assert worse(one, one) == []


def test_another_way_of_speaking_is_a_fall_of_style_alone() -> None:
    told = worse(_evaluation(OTHER), _evaluation(LINES))
    assert len(told) == 1 and "style distance" in told[0]
    assert worse(_evaluation(LINES), _evaluation(OTHER)) == []


def test_likelihood_counts_from_two_per_cent_on() -> None:
    assert worse(_evaluation(LINES, nll=0.115), _evaluation(LINES)) == []
    assert any("perplexity" in one for one in worse(_evaluation(LINES, nll=0.2), _evaluation(LINES)))


def test_what_cannot_be_compared_says_so() -> None:
    sixty, few = _evaluation(LINES), _evaluation(LINES[:5])
    assert any("other rows" in one for one in worse(sixty, few))
    assert any(str(MIN_ROWS["language"]) in one for one in worse(few, few))
    other = sixty.model_copy(update={"base_sha256": "c" * 64})
    assert any("other bases" in one for one in worse(sixty, other))
    assert worse(sixty.model_copy(update={"kind": "visual"}), sixty)


def _pictured(**changed: float) -> Evaluation:
    """An evaluation of ten looks, and what is told of them in place of what the rows come to."""
    marks = {
        "geometry_kept": 1.0,
        "colour_distance": 3.0,
        "picture_distance": 0.1,
        "diversity": 4.0,
        "face": 0.9,
    }
    rows = tuple(
        EvaluatedRow(
            id=f"{n}.jpg", prompt="主播", target=f"{n}.jpg", said="", bare="", marks=marks, bare_marks=marks
        )
        for n in range(10)
    )  # fmt: skip
    return _evaluation(LINES).model_copy(
        update={"kind": "visual", "rows": rows, "measures": marks | changed, "bare": marks}
    )


def _without(row: EvaluatedRow, mark: str) -> EvaluatedRow:
    return row.model_copy(update={"marks": {name: x for name, x in row.marks.items() if name != mark}})


def test_what_is_told_of_looks_is_what_their_pictures_come_to() -> None:
    sound = _pictured()
    assert unsound(sound) == [] and worse(sound, sound) == []
    for mark in ("geometry_kept", "colour_distance", "picture_distance", "diversity"):
        (told,) = unsound(_pictured(**{mark: 0.5}))
        assert f"{mark} is not what its rows come to" in told
        rows = (_without(sound.rows[0], mark), *sound.rows[1:])
        (told,) = unsound(sound.model_copy(update={"rows": rows}))
        wanted = "colour distance on one side" if mark == "colour_distance" else f"rows are without {mark}"
        assert wanted in told


def test_a_face_is_told_and_not_compared() -> None:
    assert worse(_pictured(face=0.1), _pictured()) == [] == unsound(_pictured(face=0.1))


def test_a_measure_that_went_missing_is_told() -> None:
    new = _evaluation(LINES)
    new = new.model_copy(update={"measures": {"facts_copied": 1.0}})
    assert {"perplexity", "style distance"} <= {
        name
        for one in worse(new, _evaluation(LINES))
        for name in ("perplexity", "style distance")
        if name in one
    }


def test_style_tells_voices_apart_whatever_they_talk_about() -> None:
    own, same, other = LINES[:30], LINES[30:], OTHER[30:]
    assert style_distance(own, own) == 0
    assert style_distance(same, own) < 0.1 < 0.4 < style_distance(other, own)
    assert style_distance([], own) == 1 == style_distance(["啊"], ["x"] * 3)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=6),
    st.lists(st.text(max_size=12), min_size=1, max_size=6),
)
def test_style_distance_is_symmetric_and_bounded(one: list[str], two: list[str]) -> None:
    there, back = style_distance(one, two), style_distance(two, one)
    assert 0 <= there <= 1 and there == pytest.approx(back)


def test_the_error_of_equal_sets_is_nothing() -> None:
    assert distance_error(LINES, LINES, LINES) == 0
    assert distance_error(LINES[:1], OTHER[:1], LINES[:1]) == 1
    assert 0 < distance_error(LINES, OTHER, LINES) < 0.1


def test_an_evaluation_is_kept_whole_and_read_back(tmp_path: Path) -> None:
    one = _evaluation(LINES)
    assert read_evaluation(tmp_path) is None
    write_evaluation(tmp_path / EVALUATION_FILE, one)
    assert read_evaluation(tmp_path) == one
    assert [file.name for file in tmp_path.iterdir()] == [EVALUATION_FILE]
    (tmp_path / EVALUATION_FILE).write_text('{"kind": "lang', encoding="utf-8")
    with pytest.raises(EvaluationFailed, match="evaluate the adapter again"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("full", [EVALUATION_FILE, "adapter.yaml"])
def test_a_disk_that_takes_no_file_is_a_sentence_with_the_mend(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelve(tmp_path, "tang", "language", "1")
    monkeypatch.setattr("livehost.training.evaluating.evaluated", lambda *_a, **_k: _evaluation(LINES))

    def replace(part: Path, file: Path) -> Path:
        if file.name == full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part), None, str(file))
        return moved(part, file)

    moved = Path.replace
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(EvaluationFailed, match=rf"{full} 写不了.*No space left.*then evaluate again"):
        evaluate_adapter(folder, tmp_path / "held.jsonl")
    assert not list(folder.glob(f".{EVALUATION_FILE}*"))


def test_rows_that_were_trained_on_are_refused(tmp_path: Path) -> None:
    seen = Sample(id="a", kind="answer", question="多少钱？", core="价格是68元", target="只要68元哦")
    fresh = Sample(id="b", kind="answer", question="多少钱？", core="价格是69元", target="只要69元哦")
    again = Sample(id="c", kind="answer", question="多少钱", core="价格是 68 元。", target="六十八元")
    (tmp_path / "training.json").write_text(
        json.dumps({"seen": seen_rows([sample_digest(seen)])}), encoding="utf-8"
    )
    assert seen_by(tmp_path) == {sample_digest(again)} != {sample_digest(fresh)}
    rows = [(one.id, sample_digest(one)) for one in (fresh, again)]
    refuse_seen(tmp_path, Path("held.jsonl"), rows[:1])
    with pytest.raises(EvaluationFailed, match=r"2 行里有 1 行是训练用过的（c）"):
        refuse_seen(tmp_path, Path("held.jsonl"), rows)
    (tmp_path / "training.json").write_text("[]", encoding="utf-8")
    with pytest.raises(EvaluationFailed, match="restore the file"):
        refuse_seen(tmp_path, Path("held.jsonl"), rows)
    assert seen_by(tmp_path / "nowhere") == frozenset()


@pytest.mark.parametrize(
    ("said", "copied"),
    [
        ("只要六十八块，两件包邮哦", 1.0),
        ("只要68元，2件包邮", 1.0),
        ("只要86元，2件包邮", 0.0),
        ("只要68元", 0.0),
        ("只要68元，2件包邮，送3片", 0.0),
        ("只要68元，2件包邮，玫瑰味", 1.0),
    ],
)
def test_facts_are_copied_number_by_number(said: str, copied: float) -> None:
    sample = Sample(
        id="a", kind="answer", question="多少钱", core="价格是68元，2件包邮", target="宝子们只要68元，2件包邮哦",
        facts=(SampleFact("p", "shipping", "2件"),),
    )  # fmt: skip
    marks = Judge(None, ()).marks(sample, Said(said, True, 3.0, 10))
    assert marks["facts_copied"] == copied
    assert marks["nll"] == 0.3


def test_a_name_that_is_a_fact_must_be_said() -> None:
    sample = Sample(
        id="a", kind="script", question=None, core="产自云南普洱", target="产自云南普洱哦",
        facts=(SampleFact("p", "origin", "云南普洱"),),
    )  # fmt: skip
    judge = Judge(None, ())
    assert judge.marks(sample, Said("产自云南哦", True, 1.0, 1))["facts_copied"] == 0
    assert judge.marks(sample, Said("产自云南普洱。", True, 1.0, 1))["facts_copied"] == 1


def test_rules_and_unfinished_answers_are_marked() -> None:
    sample = Sample(id="a", kind="script", question=None, core="价格是68元", target="价格是68元")
    judge = Judge(None, ())
    assert judge.marks(sample, Said("价格是68元", True, 1.0, 1)) | {"faithful": 1.0, "compliant": 1.0} == (
        judge.marks(sample, Said("价格是68元", True, 1.0, 1))
    )
    assert judge.marks(sample, Said("全网最低价68元", True, 1.0, 1))["compliant"] == 0
    assert judge.marks(sample, Said("价格是68元", False, 1.0, 1))["faithful"] == 0


def test_a_conversation_has_no_mark_of_faithfulness() -> None:
    sample = Sample(
        id="a", kind="chat", question=None, core="你好", target="你好呀", messages=(("user", "你好"),)
    )
    assert "faithful" not in Judge(None, ()).marks(sample, Said("你好呀", True, 1.0, 4))


def test_a_report_shows_rows_side_by_side() -> None:
    old, new = _lost(9, 2)
    told = compared(old, new)
    assert (told.count("worse"), told.count("better"), told.count("same")) == (9, 2, 49)
    assert told.fallen == tuple(worse(new, old)) != ()
    text = told.markdown()
    assert "变差 / worse（9）" in text and "变好 / better（2）" in text and LINES[55] in text
    assert {one.name: one.way for one in told.measures}["facts_copied"] == "worse"
    assert json.loads(told.model_dump_json())["rows"][59]["way"] == "worse"


def test_a_report_needs_evaluations_on_the_same_rows(tmp_path: Path) -> None:
    old, new = tmp_path / "1", tmp_path / "2"
    write_evaluation(old / EVALUATION_FILE, _evaluation(LINES))
    with pytest.raises(EvaluationFailed, match="not evaluated yet"):
        report(old, new)
    write_evaluation(new / EVALUATION_FILE, _evaluation(LINES[:30]))
    with pytest.raises(EvaluationFailed, match="other rows"):
        report(old, new)
    write_evaluation(new / EVALUATION_FILE, _evaluation(LINES, version="2"))
    assert report(old, new).count("same") == 60


def test_a_report_refuses_what_was_judged_by_another_catalogue() -> None:
    old = _evaluation(LINES)
    new = _evaluation(LINES, version="2").model_copy(update={"settings": {"catalogue": "aa"}})
    with pytest.raises(EvaluationFailed, match="judged by another catalogue") as refused:
        compared(old, new)
    assert list(refused.value.problems) == worse(new, old)
    few = _evaluation(LINES[:5])
    assert compared(few, few).count("same") == 5  # too few to promote on, enough to look at


def test_what_may_not_be_lost_weighs_before_nearness() -> None:
    assert row_way({"compliant": 1, "likeness": 0.2}, {"compliant": 0, "likeness": 1.0}) == "worse"
    assert row_way({"compliant": 1, "likeness": 0.2}, {"compliant": 1, "likeness": 1.0}) == "better"
    assert row_way({"colour_distance": 4.0}, {"colour_distance": 2.0}) == "better"
    assert row_way({"colour_distance": 4.0}, {"colour_distance": 4.5}) == "same"


def test_rows_with_one_name_are_told_apart() -> None:
    assert unique(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]
