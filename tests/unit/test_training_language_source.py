"""What a run learns from: slots in samples, swapped values, splits, and generated rows in a way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.training.rows import write_rows
from services.training.faults import TrainingFailed
from services.training.language_slots import shared, unslotted, values_of
from services.training.language_source import Data, read_data
from services.training.samples import Sample, SampleFact, write_samples

CORE = "雪松面霜直播间价，50ml是68元，支持7天无理由退货，2026年8月生产"
TARGET = "姐跟你说，雪松面霜50ml是68元，7天无理由退货，妥了。"
FACTS = (SampleFact("p", "name", "雪松面霜"), SampleFact("p", "price.50ml", "68.00"))


def _data(path: Path, *, swap: bool, share: float = 0.0, held: tuple[Path, ...] = (), way: str = "") -> Data:
    return read_data((path,), held, way=way, share=share, seed=3, swap=swap)


def _samples(path: Path, count: int = 20) -> Path:
    rows = [
        Sample(f"s{n}", "answer", f"雪松面霜{n + 10}元吗", f"雪松面霜是{n + 10}元", f"雪松面霜是{n + 10}元嗷。", FACTS)
        for n in range(count)
    ]  # fmt: skip
    write_samples(path, rows)
    return path


def test_a_slot_is_a_value_that_core_and_target_share() -> None:
    core, question, target, slots = shared(CORE, "雪松面霜68元吗", TARGET, values_of(FACTS))
    assert slots == [("name", "雪松面霜"), ("spec", "50ml"), ("number", "68")]
    assert "2026年8月" in core and "7天无理由" in core and "7天无理由" in target
    assert question == "\ue000\ue002元吗"
    assert (unslotted(core, slots), unslotted(target, slots)) == (CORE, TARGET)


@given(st.text("0123456789.元雪松ml，是", max_size=30), st.text("0123456789.元雪松ml，是嗷", max_size=30))
def test_values_go_back_where_they_were(core: str, target: str) -> None:
    slot_core, _, slot_target, slots = shared(core, "", target, {"雪松": "name"})
    assert unslotted(slot_core, slots) == core
    assert unslotted(slot_target, slots) == target
    for at in range(len(slots)):
        assert chr(0xE000 + at) in slot_core and chr(0xE000 + at) in slot_target


def test_values_are_swapped_alike_in_prompt_and_answer(tmp_path: Path) -> None:
    data = _data(_samples(tmp_path / "s.jsonl"), swap=True)
    own = swapped = 0
    for epoch in range(4):
        for index in range(20):
            sample = data.line(index, epoch)
            assert sample.target == f"{sample.core}嗷。"
            assert re.findall(r"\d+(?:\.\d+)?", sample.question or "")[-1:] == re.findall(r"\d+(?:\.\d+)?", sample.core)[-1:]  # fmt: skip
            own += sample == data.lines[index].worded()
            swapped += sample != data.lines[index].worded()
    assert own and swapped > own / 2
    assert data.line(3, 1) == _data(tmp_path / "s.jsonl", swap=True).line(3, 1)


def test_on_a_real_base_values_stay(tmp_path: Path) -> None:
    data = _data(_samples(tmp_path / "s.jsonl"), swap=False)
    assert [data.line(2, epoch) for epoch in range(3)] == [data.line(2, 0)] * 3
    assert data.pools is None


def test_held_out_rows_are_never_trained_on(tmp_path: Path) -> None:
    path = _samples(tmp_path / "s.jsonl")
    data = _data(path, swap=True, share=0.2)
    assert len(data.held) == 4
    assert not {line.worded().group for line in data.lines} & {one.group for one in data.held}
    write_samples(tmp_path / "held.jsonl", data.held)
    again = _data(path, swap=False, held=(tmp_path / "held.jsonl",))
    assert (len(again.lines), again.held) == (16, data.held)
    with pytest.raises(TrainingFailed, match="validation_data"):
        _data(path, swap=False, held=(path,))


def test_the_digest_is_that_of_the_rows(tmp_path: Path) -> None:
    one = _data(_samples(tmp_path / "a.jsonl"), swap=True, share=0.1)
    assert one.sha256 == _data(_samples(tmp_path / "b.jsonl.gz"), swap=True, share=0.1).sha256
    assert one.sha256 != _data(_samples(tmp_path / "c.jsonl", 21), swap=True, share=0.1).sha256


def test_generated_rows_are_learned_in_one_way(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    write_rows(path, count=20, seed=3)
    data = _data(path, swap=True, way="lady")
    assert len(data.lines) == 20
    assert data.line(0, 0) != data.line(0, 1) or data.line(1, 0) != data.line(1, 1)
    assert not re.search("[\ue000-\ue7ff]", data.line(5, 2).target + data.line(5, 2).core)
    with pytest.raises(TrainingFailed, match=r"way: .*evening \| lady"):
        _data(path, swap=True)
    with pytest.raises(TrainingFailed, match="mixed"):
        read_data((path, _samples(tmp_path / "s.jsonl")), (), way="lady", share=0, seed=1, swap=True)


def test_problems_of_samples_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("{}\n[]\n")
    with pytest.raises(TrainingFailed, match=r"s\.jsonl:1[\s\S]*s\.jsonl:2"):
        _data(path, swap=False)
