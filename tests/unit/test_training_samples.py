"""Sample files: four formats, every problem with file and line, groups, digests."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.language.prompt import SYSTEM
from services.training.samples import (
    MAX_PROBLEMS,
    Sample,
    SampleFact,
    SampleProblems,
    check_samples,
    read_samples,
    samples_sha256,
    write_samples,
)

ROW = {"question": "几号链接", "core": "洁面是1号链接", "target": "老妹儿，洁面是1号链接。"}


def _file(folder: Path, *rows: object, name: str = "samples.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_row_becomes_the_prompt_of_the_engine(tmp_path: Path) -> None:
    (sample,) = read_samples([_file(tmp_path, ROW)])
    assert (sample.kind, sample.weight, sample.source, sample.id) == ("answer", 1.0, "qa", "r1")
    assert sample.prompt == (("system", SYSTEM), ("user", "【问】几号链接\n【要点】洁面是1号链接"))
    (script,) = read_samples([_file(tmp_path, {"core": "看2号", "target": "来，看2号。"})])
    assert script.kind == "script" and script.prompt[1] == ("user", "【台词】\n【要点】看2号")


@given(
    st.lists(
        st.builds(
            Sample,
            id=st.text("ab1", min_size=1),
            kind=st.just("answer"),
            question=st.text("问价？", min_size=1),
            core=st.text("洁面1元", min_size=1),
            target=st.text("洁面1元呀", min_size=1),
            facts=st.lists(st.builds(SampleFact, st.just("p"), st.just("price"), st.text("169", min_size=1)), max_size=2).map(tuple),
            weight=st.sampled_from([0.5, 1.0, 2.0]),
            source=st.sampled_from(["lines", "qa", "journal", "correction"]),
        ),
        min_size=1,
        max_size=5,
    )
)  # fmt: skip
def test_what_is_written_is_read_again(samples: list[Sample]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("s.jsonl", "s.jsonl.gz"):
            path = Path(folder) / name
            assert write_samples(path, samples) == len(samples)
            assert read_samples([path]) == samples
            assert samples_sha256(read_samples([path])) == samples_sha256(samples)


def test_a_full_disk_leaves_no_part_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_samples(tmp_path / "samples.jsonl", [Sample("a", "script", None, "包邮", "包邮呀")])
    assert list(tmp_path.iterdir()) == []


def test_the_formats_of_the_field_are_read(tmp_path: Path) -> None:
    chatml = {"messages": [{"role": "system", "content": "规矩"}, {"role": "user", "content": "在吗"}, {"role": "assistant", "content": "在嗷"}]}  # fmt: skip
    alpaca = {"instruction": "换个说法", "input": "包邮", "output": "包邮嗷"}
    sharegpt = {"conversations": [{"from": "human", "value": "一"}, {"from": "gpt", "value": "二"}, {"from": "human", "value": "三"}, {"from": "gpt", "value": "四"}]}  # fmt: skip
    samples = read_samples([_file(tmp_path, chatml, alpaca, sharegpt)])
    assert [s.target for s in samples] == ["在嗷", "包邮嗷", "二", "四"]
    assert samples[0].prompt == (("system", "规矩"), ("user", "在吗"))
    assert samples[1].prompt == (("user", "换个说法\n包邮"),)
    assert samples[3].prompt == (("user", "一"), ("assistant", "二"), ("user", "三"))
    assert samples[2].group == samples[3].group != samples[1].group
    written = tmp_path / "again.jsonl"
    write_samples(written, samples)
    assert [s.prompt for s in read_samples([written])] == [s.prompt for s in samples]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings_of_chinese_machines_are_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes((json.dumps(ROW, ensure_ascii=False) + "\r\n").encode(encoding))
    assert read_samples([path])[0].target == ROW["target"]


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    rows = [
        json.dumps(ROW),
        '{"core": "坏',
        "[1, 2]",
        json.dumps({**ROW, "target": " "}),
        json.dumps({**ROW, "weight": 0}),
        json.dumps({**ROW, "kind": "script"}),
        json.dumps({**ROW, "sauce": 1}),
        json.dumps({**ROW, "core": "长" * 601}),
        '{"core": "有\\u0000", "target": "x"}',
        json.dumps({"messages": [{"role": "user", "content": "一"}]}),
        json.dumps({"messages": [{"role": "robot", "content": "一"}]}),
        json.dumps({"text": "一"}),
        '{"core": "' + "一" * 70_000 + '", "target": "x"}',
        "[" * 60_000,
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    problems = check_samples([path, tmp_path / "gone.jsonl"])
    assert [p.split("：")[0].rpartition(":")[2] for p in problems[:-1]] == [str(n) for n in range(2, 15)]
    assert "gone.jsonl" in problems[-1]
    for word, problem in zip(("JSON", "JSON", "target", "weight", "question", "sauce", "core", "NUL"), problems, strict=False):  # fmt: skip
        assert word in problem
    with pytest.raises(SampleProblems) as caught:
        read_samples([path])
    assert len(caught.value.problems) == 13


def test_ten_thousand_broken_rows_are_some_sentences(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("{\n" * 10_000)
    problems = check_samples([path])
    assert len(problems) == MAX_PROBLEMS + 1 and str(10_000 - MAX_PROBLEMS) in problems[-1]


@pytest.mark.parametrize("data", [b"\xff\xff\xff\x81", b"\x89PNG\r\n\x1a\n\x00\xff\xd8", b"", b"\n\n"])
def test_files_that_hold_no_samples_are_told(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(data)
    (problem, *_) = check_samples([path])
    assert "s.jsonl" in problem and " / " in problem


def test_a_cut_off_gzip_file_and_one_that_bursts_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode() * 100)[:-20])
    assert len(check_samples([path])) == 1
    path.write_bytes(b"\x1f\x8b but no gzip")
    assert len(check_samples([path])) == 1


def test_no_files_are_a_problem() -> None:
    assert len(check_samples([])) == 1


def test_a_group_is_one_core_however_it_is_marked() -> None:
    one, other = Sample("a", "script", None, "看，2号", "x"), Sample("b", "answer", "问", "看2号。", "y")
    assert one.group == other.group
