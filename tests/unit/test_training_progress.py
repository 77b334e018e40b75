"""The progress line, what is said when memory runs out, and the device and number format of a run."""

from __future__ import annotations

import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from services.training.faults import TrainingFailed
from services.training.history import Point
from services.training.memory import Appetite, changes, is_out_of_memory, out_of_memory, peak_bytes
from services.training.precision import precision_of
from services.training.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(progress: Progress, number: int) -> None:
    progress.step(Point(number, 1, 0.5, 1e-4, 1.0), speed=12.34, left_s=75, peak_bytes=2 * 2**30)


def test_a_line_says_epoch_step_loss_rate_speed_memory_and_time_left() -> None:
    said: list[str] = []
    step(Progress(said.append, 100, 3), 50)
    (line,) = said
    for part in (
        "epoch 1/3",
        "step 50/100",
        "50%",
        "loss 0.5000",
        "lr 1.00e-04",
        "12.3 samples/s",
        "2.0 GB",
        "ETA 01:15",
    ):
        assert part in line


def test_without_a_terminal_lines_come_now_and_then_and_at_the_end() -> None:
    said, now = [], [0.0]
    progress = Progress(said.append, 100, 1, io.StringIO(), lambda: now[0])
    for number in range(1, 101):
        now[0] += 1.0
        step(progress, number)
    assert [line.split("step ")[1].split("/")[0] for line in said] == [
        *(str(number) for number in range(1, 101, 10)),
        "100",
    ]


def test_on_a_terminal_one_line_is_written_over_and_told_lines_stand_alone() -> None:
    said: list[str] = []
    terminal, now = Terminal(), [0.0]
    progress = Progress(said.append, 100, 1, terminal, lambda: now[0])
    for number in range(1, 11):
        now[0] += 1.0
        step(progress, number)
    assert said == []
    assert terminal.getvalue().count("\r") == 10
    assert "\n" not in terminal.getvalue()
    progress.tell("a look")
    assert said == ["a look"]
    assert terminal.getvalue().endswith("\n")


@given(st.integers(20, 300), st.integers(1, 100))
def test_a_bar_fits_its_terminal_and_covers_what_it_drew_before(columns, number) -> None:
    terminal = Terminal()
    progress = Progress([].append, 100, 1, terminal, lambda: 0.0, lambda: columns)
    step(progress, number)
    step(progress, 100)
    first, *rest = terminal.getvalue().split("\r")[1:]
    assert len(first) < columns
    assert all(len(first) <= len(line) < columns for line in rest)


@given(st.floats(0, 1e6))
def test_durations_are_whole_and_carry(seconds) -> None:
    parts = [int(one) for one in duration(seconds).split(":")]
    whole = 0
    for one in parts:
        whole = whole * 60 + one
    assert whole == round(seconds)
    assert all(one < 60 for one in parts[1:])


def test_what_to_change_comes_in_order_and_leaves_out_what_is_done() -> None:
    full = changes(Appetite(batch_size=4, resolution=(768, 768), lora_rank=12))
    assert full[0].startswith("batch_size: 4 → 2 at 768×768（gradient_accumulation: 2")
    assert full[1].startswith("gradient_checkpointing: true")
    assert full[2] == "mixed_precision: bf16"
    assert full[3] == "lora_rank: 12 → 8"
    assert "resolution: 768×768 → 512×512" in full[-1]
    least = Appetite(batch_size=1, gradient_checkpointing=True, mixed_precision="bf16", lora_rank=8)
    assert changes(least) == ["用更大的显卡或更小的基座 / a larger card or a smaller base"]


def test_a_tall_picture_keeps_its_shape() -> None:
    told = changes(Appetite(batch_size=1, resolution=(768, 1152)))
    assert "768×1152 → 512×768" in told[-1]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, wanted) -> None:
    assert is_out_of_memory(error) is wanted


def test_torch_itself_runs_out_of_memory_that_way() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(failed.value)
    told = str(out_of_memory(failed.value, Appetite(batch_size=4), torch.device("cpu")))
    assert told.startswith("内存不够")
    assert "batch_size: 4 → 2" in told


def test_the_peak_is_of_this_process_in_bytes() -> None:
    assert 50_000_000 < peak_bytes(torch.device("cpu")) < 64 * 2**30


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_card_that_is_not_there_is_said() -> None:
    with pytest.raises(TrainingFailed, match="no CUDA card"):
        precision_of("cuda:1", "auto")
    assert precision_of("auto", "auto").name == "no"
