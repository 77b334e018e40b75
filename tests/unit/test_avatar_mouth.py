"""Visemes become mouth shapes that close when they must and never jump."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.avatar.mouth import REST, MouthShape, MouthTrack
from services.wire import SAMPLE_RATE_HZ, Viseme

FRAME = SAMPLE_RATE_HZ // 25


def key(at_s: float, tag: str, **values: float) -> Viseme:
    return Viseme(round(at_s * SAMPLE_RATE_HZ), tag, **values)


def aa(at_s: float) -> Viseme:
    return key(at_s, "aa", jaw=0.85, wide=0.55)


def pp(at_s: float) -> Viseme:
    return key(at_s, "PP", close=1.0)


def shapes(track: MouthTrack, seconds: float, offset: int = 0) -> list[MouthShape]:
    return [track.at(n * FRAME + offset) for n in range(round(seconds * 25))]


@pytest.mark.parametrize("offset", [0, 300, 700, 1100, 1500])
def test_lips_stay_shut_for_two_frames_on_a_closure(offset: int) -> None:
    track = MouthTrack([aa(0.0), pp(0.40), aa(0.48), key(0.8, "sil")], SAMPLE_RATE_HZ)
    shut = [s for s in shapes(track, 1.0, offset) if s.close > 0.95 and s.jaw < 0.2]
    assert len(shut) >= 2


def test_a_vowel_opens_the_mouth_before_and_after_a_closure() -> None:
    track = MouthTrack([aa(0.0), pp(0.40), aa(0.48), key(0.8, "sil")], SAMPLE_RATE_HZ)
    assert track.at(round(0.2 * SAMPLE_RATE_HZ)).jaw > 0.6
    assert track.at(round(0.62 * SAMPLE_RATE_HZ)).jaw > 0.6


def test_the_mouth_leads_the_sound_by_forty_milliseconds() -> None:
    step = MouthTrack([key(0, "sil"), aa(0.5)], 2 * SAMPLE_RATE_HZ)
    top = step.at(SAMPLE_RATE_HZ).jaw
    half = next(s for s in range(0, SAMPLE_RATE_HZ, 44) if step.at(s).jaw >= top / 2)
    assert half / SAMPLE_RATE_HZ == pytest.approx(0.46, abs=0.01)


def test_long_vowels_reach_more_of_their_shape_than_short_ones() -> None:
    long = MouthTrack([aa(0.2), key(0.45, "sil")], SAMPLE_RATE_HZ)
    short = MouthTrack([aa(0.2), key(0.28, "sil")], SAMPLE_RATE_HZ)
    reached = [max(s.jaw for s in shapes(t, 1.0)) / 0.85 for t in (long, short)]
    assert 0.8 <= reached[0] <= 1.0
    assert 0.4 <= reached[1] <= 0.7


def test_at_rest_outside_of_the_phrase() -> None:
    track = MouthTrack([aa(0.0)], SAMPLE_RATE_HZ // 2)
    assert track.at(-SAMPLE_RATE_HZ) == REST
    assert track.at(5 * SAMPLE_RATE_HZ) == REST
    assert track.at(float("nan")) == REST
    assert MouthTrack([], 0).at(0) == REST


values = st.floats(allow_nan=True, allow_infinity=True)
keys = st.builds(
    Viseme, st.integers(-5000, 90_000), st.sampled_from(["aa", "PP", "FF", "sil", "?"]),
    values, values, values, values, values, values,
)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(keys, max_size=30), st.integers(-10, 90_000))
def test_any_visemes_give_shapes_in_range_that_move_smoothly(visemes: list[Viseme], duration: int) -> None:
    track = MouthTrack(visemes, duration)
    last = track.at(-12_000)
    for sample in range(-11_559, 101_000, 441):
        shape = track.at(sample)
        assert all(0 <= v <= 1 for v in shape.values())
        assert (
            max(abs(a - b) for a, b in zip(shape.values(), last.values(), strict=True)) < 0.75
        )  # in 10 ms; a closure that is imposed is the fastest
        last = shape
