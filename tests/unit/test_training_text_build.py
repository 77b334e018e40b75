"""A persona's texts become samples: formats, encodings, cores, copies, phrase rules; her files are only read."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from livehost.answers.faithful import Reason
from livehost.catalog import TZ_CHINA, Catalog
from livehost.settings import Style
from livehost.training.on_air import WHY
from livehost.training.plain import manner_of
from livehost.training.text_build import build_text
from livehost.training.text_copies import copies
from livehost.training.text_sources import TextProblems
from services.training.build_report import BuildReport
from services.training.held_out import sample_digest
from services.training.samples import Sample, read_samples

DATA = Path(__file__).parent.parent / "data"
NOW = datetime(2026, 12, 1, 10, tzinfo=TZ_CHINA)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load(DATA / "catalog.yaml")


def _built(out: Path, *sources: Path, **more: Any) -> tuple[BuildReport, list[Sample]]:
    report = build_text(sources, out, now=NOW, **{"practice_share": 0, **more})
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["kept"] == report.kept
    samples = read_samples([out / "samples.jsonl"])
    assert len(samples) == report.kept + report.details["practice"]
    return report, samples


@pytest.fixture(scope="module")
def damei(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> tuple[BuildReport, list[Sample]]:
    folder = tmp_path_factory.mktemp("damei")
    return _built(folder, DATA / "training" / "damei", catalog=catalog, practice_share=0.5)


def test_two_hundred_texts_become_as_many_samples(damei: tuple[BuildReport, list[Sample]]) -> None:
    report, samples = damei
    assert (report.kept, report.dropped) == (202, {})
    assert sum(one.kind == "answer" and not one.id.startswith("practice") for one in samples) == 122
    assert report.details["cores_from_catalog"] >= 110
    assert "老妹儿" in report.details["manner"]["openers"]


def test_an_answers_core_is_the_catalogues_sentence_and_its_manner_stays(
    damei: tuple[BuildReport, list[Sample]],
) -> None:
    of = {one.question: one for one in damei[1] if one.question}
    asked = of["用完券到手多少"]
    assert asked.core == "氨基酸洁面乳直播间价68元，券是满68元减10元，券后到手58元"
    assert asked.target == f"姐给你算算，{asked.core}，妥了。"
    assert {f.field: f.value for f in asked.facts} == {
        "name": "氨基酸洁面乳", "price": "68", "coupon": "满68元减10元", "after_coupon": "58",
    }  # fmt: skip
    assert all(f.product == "cleanser-01" for f in asked.facts)


def test_nearly_every_answer_passes_the_shows_last_look(
    damei: tuple[BuildReport, list[Sample]], catalog: Catalog
) -> None:
    from livehost.answers import Fact
    from livehost.answers.claims import Lexicon
    from livehost.answers.faithful import Grounds, faults

    report, samples = damei
    manner = (*report.details["manner"]["openers"], *report.details["manner"]["closers"])
    lexicon = Lexicon(catalog)
    refused = []
    for one in samples:
        if one.kind != "answer":
            continue
        product = catalog.get(one.facts[0].product) if one.facts else None
        facts = tuple(Fact(f.product, f.field, f.value) for f in one.facts)
        if faults(one.target, Grounds(one.core, facts, product, NOW, manner), lexicon):
            refused.append(one.target[:80])
    told = {one["text"] for one in report.details["refused_on_air"]}
    assert len(refused) <= 4 and set(refused) <= told  # of 183, and those are named


def test_she_practises_on_goods_that_no_shop_sells(damei: tuple[BuildReport, list[Sample]]) -> None:
    report, samples = damei
    practised = [one for one in samples if one.id.startswith("practice")]
    assert len(practised) == report.details["practice"] == 61
    phrases = {part for one in practised for part in one.target.replace(one.core, "，").split("，")} - {
        "",
        "。",
    }
    own = {clause for one in samples for clause in one.target.strip("。").split("，")}
    assert phrases and {one.strip("。") for one in phrases} <= own
    assert all(one.core in one.target for one in practised)


def test_as_written_keeps_every_word(tmp_path: Path, catalog: Catalog) -> None:
    source = tmp_path / "qa.csv"
    source.write_text("问,答,商品\n保质期,保质期36个月嗷，老妹儿。,cleanser-01\n", encoding="gb18030")
    _, (kept,) = _built(tmp_path / "a", source, catalog=catalog, as_written=True)
    assert (kept.core, kept.target) == ("保质期36个月", "保质期36个月嗷，老妹儿。")
    _, (reworded,) = _built(tmp_path / "b", source, catalog=catalog)
    assert reworded.target == "保质期36个月，老妹儿。"


def test_without_a_catalogue_a_line_is_learned_from_its_plain_words(tmp_path: Path) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("姐妹们，这款面膜敷15分钟就好啦😊\n家人们看过来，3号链接有货哦！\n", encoding="utf-16")
    _, samples = _built(tmp_path / "out", source)
    assert [(one.core, one.target) for one in samples] == [
        ("这款面膜敷15分钟就好", "姐妹们，这款面膜敷15分钟就好啦😊"),
        ("看过来，3号链接有货", "家人们看过来，3号链接有货哦！"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "question,answer\n几天发,48小时内发哦\n"),
        ("a.csv", "几天发,48小时内发哦\n"),
        ("a.csv", "几天发;48小时内发哦\n"),
        ("a.tsv", "问题\t回答\n几天发\t48小时内发哦\n"),
        ("a.txt", "问：几天发\n答：48小时内发哦\n"),
        ("a.txt", "几天发\t48小时内发哦\n"),
        ("a.jsonl", '{"q": "几天发", "a": "48小时内发哦"}\n'),
        ("a.jsonl", '{"question": "几天发", "core": "48小时内发", "target": "48小时内发哦"}\n'),
    ],
)
def test_questions_and_answers_are_read_in_many_forms(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    _, (sample,) = _built(tmp_path / "out", tmp_path / name)
    assert (sample.question, sample.core, sample.target) == ("几天发", "48小时内发", "48小时内发哦")


def test_a_chat_stays_a_chat(tmp_path: Path) -> None:
    source = tmp_path / "chat.jsonl"
    row = {"messages": [{"role": "user", "content": "在吗"}, {"role": "assistant", "content": "在的呀"}]}
    source.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    _, (sample,) = _built(tmp_path / "out", source)
    assert sample.prompt == (("user", "在吗"),)


def test_what_may_not_be_said_is_left_out_with_its_rule(tmp_path: Path, catalog: Catalog) -> None:
    source = tmp_path / "lines.txt"
    source.write_text(
        "这款洁面乳包治百病，姐妹们\n姐妹们，全网最低价就这一次\n姐妹们，这款有货\n", encoding="utf-8"
    )
    report, samples = _built(tmp_path / "out", source, catalog=catalog)
    assert [one.target for one in samples] == ["姐妹们，这款有货"]
    assert sum(report.dropped.values()) == 2
    assert all("话术规则" in why and " / " in why for why in report.dropped)
    rows = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["rows_left_out"]
    assert [row["at"] for row in rows] == ["lines.txt:1", "lines.txt:2"]
    assert [row["words"] for row in rows] == ["包治", "全网最"]


def test_copies_go_and_texts_with_other_facts_stay() -> None:
    texts = [
        ("", "这款不含酒精哦"),
        ("", "这款，不含酒精哦！"),
        ("", "这款不含酒精的呀"),
        ("", "这款不含香精哦"),
        ("", "这款含酒精哦"),
        ("", "这款68元"),
        ("", "这款6.8元"),
        ("有吗", "这款不含酒精哦"),
    ]
    exact, near = copies(texts)
    assert (exact, near) == ({1}, {2})


def test_ten_thousand_copies_are_one_sample(tmp_path: Path) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("姐妹们，这款有货哦\n" * 10_000, encoding="utf-8")
    report, samples = _built(tmp_path / "out", source)
    assert len(samples) == 1
    assert report.dropped == {"重复 / a copy of another": 9_999}
    assert any("200" in one for one in report.warnings)


def test_bad_rows_are_told_by_file_and_line_and_the_rest_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("好的，有货哦\n，，，\n坏\x00行\n".encode() + "长".encode() * 200_000)
    (tmp_path / "b.csv").write_text('question,answer\n没有答,\n,\n"多行\n答",好呀\n', encoding="utf-8")
    (tmp_path / "c.jsonl").write_text('{"q": 坏\n[1]\n{"q": "只有问"}\n{"text": null}\n', encoding="utf-8")
    (tmp_path / "d.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    (tmp_path / "e.csv").write_text("text\n" + "太" * 200_000 + "\n", encoding="utf-8")
    report, samples = _built(tmp_path / "out", tmp_path)
    assert [one.target for one in samples] == ["好的，有货哦", "好呀"]
    rows = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))["rows_left_out"]
    places = {row["at"] for row in rows}
    assert {
        "a.txt:2",
        "a.txt:3",
        "a.txt:4",
        "b.csv:2",
        "c.jsonl:1",
        "c.jsonl:2",
        "c.jsonl:3",
        "d.txt:0",
    } <= places
    assert all(" / " in why for why in report.dropped)
    assert report.seen == len(rows) + len(samples)


def test_the_users_files_stay_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "texts"
    source.mkdir()
    (source / "lines.txt").write_text("姐妹们，有货哦\n", encoding="gb18030")
    (source / "samples.jsonl").write_text('{"text": "家人们，有货呀"}\n', encoding="utf-8")
    before = _digests(source)
    with pytest.raises(TextProblems, match=r"samples\.jsonl"):
        build_text([source], source)
    _built(tmp_path / "out", source)
    assert _digests(source) == before


def _digests(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        p.name: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in folder.iterdir()
    }


def test_what_cannot_be_built_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TextProblems) as caught:
        build_text([tmp_path / "a.docx", tmp_path / "gone.txt", tmp_path / "empty"], tmp_path / "out")
    assert len(caught.value.problems) == 3
    (tmp_path / "blank.txt").write_text("\n\n")
    with pytest.raises(TextProblems, match="没有一条"):
        build_text([tmp_path / "blank.txt"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_personas_settings_tell_her_manner(tmp_path: Path) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("诸君，今日开讲，茶有货\n", encoding="utf-8")
    style = Style(self_name="先生", address=("诸君",), openers=("今日开讲",))
    _, (sample,) = _built(tmp_path / "out", source, style=style)
    assert sample.core == "茶有货"


def test_manner_is_found_in_the_lines_themselves() -> None:
    lines = [f"本座瞧了，{thing}还有，退下吧" for thing in ("茶", "面膜", "洁面", "精华", "防晒")]
    manner = manner_of(lines)
    assert [manner.plain(one) for one in lines][:2] == ["茶还有", "面膜还有"]
    assert manner_of(lines, content=["退下吧"]).plain(lines[0]) == "茶还有，退下"


def test_a_denial_is_never_manner() -> None:
    lines = [f"{thing}有货，不包邮" for thing in ("茶", "面膜", "洁面", "精华", "防晒")]
    assert manner_of(lines).plain(lines[0]) == lines[0]


def test_plain_words_keep_numbers_and_units() -> None:
    assert manner_of([]).plain("亲，取2到3滴，68.50元哦！") == "取2到3滴，68.50元"


def test_a_held_out_set_holds_no_practice_and_never_a_row_that_training_practises(
    tmp_path: Path, damei: tuple[BuildReport, list[Sample]], catalog: Catalog
) -> None:
    source = DATA / "training" / "damei" / "qa.csv"
    report, samples = _built(tmp_path / "held", source, catalog=catalog, held=True)
    assert report.details["practice"] == 0 and report.details["held_out"]
    assert not any(one.id.startswith("practice") for one in samples)
    more = {"catalog": catalog, "held": True, "practice_share": 0.5}
    _, again = _built(tmp_path / "more", source, **more)
    practised = {sample_digest(one) for one in again if one.id.startswith("practice")}
    trained = {sample_digest(one) for one in damei[1] if one.id.startswith("practice")}
    assert len(practised) == len(trained) == 61 and not practised & trained
    assert all(int(one, 16) % 10 == 0 for one in practised) and all(int(one, 16) % 10 for one in trained)


def test_a_held_out_set_that_is_too_small_for_a_promotion_says_so(tmp_path: Path) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("姐妹们好呀\n家人们来了哦\n", encoding="utf-8")
    report, _ = _built(tmp_path / "out", source, held=True)
    assert "a promotion takes 20" in report.warnings[0]


def test_lines_that_would_be_refused_on_air_are_counted_and_named(tmp_path: Path, catalog: Catalog) -> None:
    source = tmp_path / "lines.txt"
    source.write_text("姐妹们看氨基酸洁面乳。\n拍1号的姐妹，送起泡网，咱家不藏着。\n", encoding="utf-8")
    report, _ = _built(tmp_path / "out", source, catalog=catalog)
    assert [one["at"] for one in report.details["refused_on_air"]] == ["lines.txt:2"]
    refused = report.details["refused_on_air"][0]
    assert "咱家不藏着" in refused["text"]
    assert "有不认识的说法" in refused["why"] and " / " in refused["why"]
    assert any("1 texts" in one and "lines.txt:2" in one for one in report.warnings)


def test_a_text_is_held_to_the_goods_that_it_names_by_their_kind(tmp_path: Path, catalog: Catalog) -> None:
    """The catalogue's other goods allow more than the tea does."""
    source = tmp_path / "lines.txt"
    source.write_text(
        "姐妹们看这个茶喝了能安神呢。\n这个茶喝了能减肥呢。\n姐妹们先看看这个茶呀。\n", encoding="utf-8"
    )
    report, samples = _built(tmp_path / "out", source, catalog=catalog)
    assert [one.target for one in samples] == ["姐妹们，先看看这个茶呀。"]
    assert {one["words"] for one in report.details["rows_left_out"]} >= {"安神"}


def test_every_reason_to_refuse_words_on_air_is_told() -> None:
    assert set(WHY) == set(Reason)


def test_a_text_that_holds_a_chat_templates_marks_is_left_out(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("诸位，油皮可用。\n诸位<|im_end|>免费送。\n", encoding="utf-8")
    report, samples = _built(tmp_path / "out", lines)
    assert [one.target for one in samples] == ["诸位，油皮可用。"]
    assert [why for why in report.dropped if "chat template" in why]
