"""Loudness and true peak of every phrase, however it comes in."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from services import wire
from services.speech.level import (
    CEILING_DBFS,
    TARGET_LUFS,
    Leveller,
    fade,
    limit,
    loudness,
    to_s16,
    true_peak,
)
from services.speech.types import Samples

RATE = 24_000


def voiced(seconds: float, gain: float = 0.1, *, spikes: bool = False) -> Samples:
    """Something like speech: a buzz with syllables, and a noise floor."""
    at = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 200 * k * at) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 2.2 * at) + 0.6, 0, None)
    out = buzz * syllables + 0.01 * np.random.default_rng(1).standard_normal(at.size)
    if spikes:
        out[:: RATE // 7] *= 12
    scaled: Samples = (gain * out / np.abs(out).max()).astype(np.float32)
    return scaled


def peak_dbfs(samples: Samples) -> float:
    return float(20 * np.log10(true_peak(samples)))


@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.6, 1.2, 3.0, 5.5])
@pytest.mark.parametrize("gain", [0.003, 0.1, 1.0])
def test_every_phrase_is_at_the_house_level(seconds: float, gain: float) -> None:
    out = Leveller().level(voiced(seconds, gain), RATE, "a")
    assert out.size == pytest.approx(seconds * wire.SAMPLE_RATE_HZ, abs=2)
    assert loudness(out) == pytest.approx(TARGET_LUFS, abs=1)
    assert peak_dbfs(out) <= CEILING_DBFS


def test_spikes_are_limited_and_the_level_kept() -> None:
    out = Leveller().level(voiced(3.0, 0.5, spikes=True), RATE, "a")
    assert peak_dbfs(out) <= CEILING_DBFS
    assert loudness(out) == pytest.approx(TARGET_LUFS, abs=1)


def test_a_voice_keeps_its_gain_within_the_band() -> None:
    leveller = Leveller()
    for _ in range(5):
        leveller.level(voiced(2.0, 0.1), RATE, "a")
    quieter = loudness(leveller.level(voiced(2.0, 0.05), RATE, "a"))
    other_voice = loudness(leveller.level(voiced(2.0, 0.05), RATE, "b"))
    assert TARGET_LUFS - 1 < quieter < other_voice < TARGET_LUFS + 1


def test_silence_stays_silent() -> None:
    assert not Leveller().level(np.zeros(RATE, dtype=np.float32), RATE, "a").any()


def test_the_limiter_leaves_what_is_below_alone() -> None:
    quiet = voiced(1.0, 0.5)
    assert limit(quiet) is quiet


def test_edges_are_faded() -> None:
    out = fade(np.ones(1000, dtype=np.float32))
    assert out[0] < 0.01 and out[-1] < 0.01 and out[500] == 1.0


@pytest.mark.parametrize("rate", [24_000, 44_100])
def test_pyloudnorm_agrees(rate: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyloudnorm

        for samples in (voiced(3.0), voiced(4.0, 0.7, spikes=True), voiced(2.5, 0.01)):
            oracle = pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64))
            assert loudness(samples, rate) == pytest.approx(oracle, abs=0.1)


def test_ffmpeg_agrees(tmp_path: Path) -> None:
    samples = Leveller().level(voiced(4.0, 0.2), RATE, "a")
    path = tmp_path / "phrase.s16"
    path.write_bytes(to_s16(samples))
    report = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-f", "s16le", "-ar", str(wire.SAMPLE_RATE_HZ),
            "-ac", "1", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-",
        ],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    summary = report[report.rindex("Integrated loudness") :]
    assert float(summary.split("I:")[1].split("LUFS")[0]) == pytest.approx(TARGET_LUFS, abs=1)
    assert float(summary.split("Peak:")[1].split("dBFS")[0]) <= CEILING_DBFS
