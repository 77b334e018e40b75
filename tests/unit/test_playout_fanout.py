"""Bounded queues: where a taker starts, what is dropped when it is slow, what never is."""

from __future__ import annotations

import itertools

from services.playout.fanout import HARD_LIMIT_S, SOFT_LIMIT_S, Fanout, Subscription
from services.playout.flv import Tag, TagKind

GOP_MS = 2000


def video(ts_ms: int) -> Tag:
    key = ts_ms % GOP_MS == 0
    return Tag(TagKind.VIDEO, ts_ms, b"\x17\x01" if key else b"\x27\x01", key=key)


def audio(ts_ms: int) -> Tag:
    return Tag(TagKind.AUDIO, ts_ms, b"\xaf\x01")


def stream(start_ms: int, end_ms: int) -> list[Tag]:
    """A picture and a sound each 40 ms."""
    return [make(ts) for ts in range(start_ms, end_ms, 40) for make in (video, audio)]


def taken(subscription: Subscription) -> list[tuple[Tag, int]]:
    found = []
    while (item := subscription.pop()) is not None:
        found.append(item)
    return found


def new() -> tuple[Fanout, Subscription]:
    fanout, subscription = Fanout(), Subscription("test", lambda: None)
    fanout.add(subscription)
    return fanout, subscription


def test_a_taker_starts_at_a_keyframe_at_zero() -> None:
    fanout, subscription = new()
    for tag in stream(1000, 2400):
        fanout.publish(tag)
    found = taken(subscription)
    assert found[0] == (video(2000), 0)
    assert [ts for _, ts in found] == [ts - 2000 for ts in range(2000, 2400, 40) for _ in (0, 1)]


def test_a_slow_taker_loses_pictures_until_a_keyframe_and_no_sound() -> None:
    fanout, subscription = new()
    tags = stream(0, 6000)
    for index, tag in enumerate(tags):
        fanout.publish(tag)
        if index == 3:
            first = taken(subscription)
    found = first + taken(subscription)
    sounds = [tag.ts_ms for tag, _ in found if tag.kind is TagKind.AUDIO]
    assert sounds == list(range(0, 6000, 40))
    pictures = [tag for tag, _ in found if tag.kind is TagKind.VIDEO]
    dropped = 150 - len(pictures)
    assert subscription.dropped_frames == dropped > 0
    gap_at = next(i for i in range(1, len(pictures)) if pictures[i].ts_ms - pictures[i - 1].ts_ms > 40)
    assert pictures[gap_at].key, "after a gap the first picture is a keyframe"


def test_every_picture_that_is_sent_can_be_decoded() -> None:
    """However slowly a taker moves, a picture is preceded by its predecessor or is a keyframe."""
    for every in (2, 3, 5, 11, 40, 90):
        fanout, subscription = new()
        found: list[Tag] = []
        for index, tag in enumerate(stream(0, 20_000)):
            fanout.publish(tag)
            if index % every == 0 and (item := subscription.pop()) is not None:
                found.append(item[0])
        pictures = [tag for tag in found if tag.kind is TagKind.VIDEO]
        for before, after in itertools.pairwise(pictures):
            assert after.key or after.ts_ms - before.ts_ms == 40, (every, before.ts_ms, after.ts_ms)


def test_the_pictures_that_wait_are_bounded() -> None:
    fanout, subscription = new()
    for tag in stream(0, 60_000):
        fanout.publish(tag)
    found = [tag for tag, _ in taken(subscription) if tag.kind is TagKind.VIDEO]
    assert len(found) <= 2
    assert SOFT_LIMIT_S < HARD_LIMIT_S


def test_after_a_gap_the_stream_goes_on_at_the_next_keyframe() -> None:
    fanout, subscription = new()
    for tag in stream(0, 3000):
        fanout.publish(tag)
    taken(subscription)
    for tag in stream(3000, 5000):
        fanout.publish(tag)
        if tag.ts_ms % 200 == 0:
            last = [item for item, _ in taken(subscription) if item.kind is TagKind.VIDEO]
            assert not last or last[0].key or last[0].ts_ms > 4000 or last[0].ts_ms < 3000
    assert subscription.queue_s < 0.3


def test_the_end_reaches_every_taker_and_a_removed_one_gets_nothing() -> None:
    fanout, subscription = new()
    other = Subscription("other", lambda: None)
    fanout.add(other)
    fanout.remove(other)
    fanout.publish(video(0))
    fanout.end()
    assert subscription.ended and subscription.pop() is not None
    assert not other.ended and other.pop() is None
    assert fanout.opening.tags == ()
