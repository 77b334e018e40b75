"""A run in a process of its own that is killed, interrupted, or met by a second one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.training import run
from tests.tiny_task import TinyTask, tiny_recipe

ROOT = Path(__file__).parents[2]
EPOCHS = 40


@contextmanager
def child(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of `EPOCHS` epochs into `<folder>/out`."""
    command = [sys.executable, "-m", "tests.tiny_task", str(folder / "out"), f"epochs={EPOCHS}"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = threading.Timer(120, process.kill)  # only ever reached by a run that hangs
        watch.start()
        try:
            yield process
        finally:
            watch.cancel()
            if process.poll() is None:
                process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout
    assert any(text in line for line in process.stdout), process.stderr and process.stderr.read()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    """The weights of a run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    return finish(folder, [])


def finish(folder: Path, said: list[str]) -> bytes:
    recipe = tiny_recipe(folder / "out", epochs=EPOCHS)
    out = run.train(recipe, say=said.append, bar=None, open_task=TinyTask)
    return (out / "adapter.safetensors").read_bytes()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, whole, seed) -> None:
    epoch = random.Random(seed).randint(2, EPOCHS - 10)
    with child(tmp_path) as process:
        read_until(process, f"epoch {epoch} ·")
        process.kill()  # wherever it is by now: a step, a sample, a checkpoint
        assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    said: list[str] = []
    assert finish(tmp_path, said) == whole
    assert any("going on from step" in line for line in said)
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_the_first_signal_saves_and_ends_with_130_and_a_second_run_is_refused_meanwhile(
    tmp_path, whole
) -> None:
    with child(tmp_path) as process:
        read_until(process, "epoch 1 ·")
        process.send_signal(signal.SIGSTOP)  # it has the folder, and does not move
        recipe = tiny_recipe(tmp_path / "out", epochs=EPOCHS)
        said: list[str] = []
        assert run.exit_status(recipe, say=said.append, open_task=TinyTask) == 1
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate()
        assert process.returncode == 130
    assert "run the same recipe again to go on" in err
    assert "Traceback" not in err
    assert "saving after this step" in out
    assert not (tmp_path / "out").exists()
    assert finish(tmp_path, []) == whole


def test_the_second_signal_ends_it_at_once() -> None:
    script = (
        "import signal, sys\n"
        "from services.training.stop import stop_on_signals\n"
        "with stop_on_signals(lambda text: print(text, flush=True)) as stop:\n"
        "    print('ready', flush=True)\n"
        "    while not stop.asked: signal.sigtimedwait([], 0.01)\n"
        "    print('asked', flush=True)\n"
        "    while True: signal.sigtimedwait([], 0.01)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        read_until(process, "ready")
        process.send_signal(signal.SIGTERM)
        read_until(process, "asked")
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
