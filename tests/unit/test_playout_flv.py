"""FLV tags: split, kept, written again from zero; and their exact places in MP4."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.playout.flv import FILE_HEADER, Opening, Splitter, Tag, TagKind
from services.playout.mp4 import PRIMING_MS, frame_of, sample_of

KEY = Tag(TagKind.VIDEO, 0, b"\x17\x01\x00\x00\x00key", key=True)
PICTURE = Tag(TagKind.VIDEO, 40, b"\x27\x01\x00\x00\x00p")
SOUND = Tag(TagKind.AUDIO, 23, b"\xaf\x01aac")
AVC = Tag(TagKind.VIDEO, 0, b"\x17\x00\x00\x00\x00avcc", header=True)
AAC = Tag(TagKind.AUDIO, 0, b"\xaf\x00\x12\x10", header=True)
META = Tag(TagKind.SCRIPT, 0, b"\x02meta", header=True)


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_tags_come_out_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    tags = [META, AVC, AAC, KEY, SOUND, PICTURE]
    data = FILE_HEADER + b"".join(tag.written(tag.ts_ms) for tag in tags)
    splitter, found, at = Splitter(), [], 0
    for end in [*sorted(cuts), len(data)]:
        found += splitter.feed(data[at:end])
        at = max(at, min(end, len(data)))
    assert found == tags


def test_the_end_of_sequence_is_left_out() -> None:
    end = Tag(TagKind.VIDEO, 80, b"\x17\x02\x00\x00\x00")
    assert Splitter().feed(FILE_HEADER + KEY.written(0) + end.written(80)) == [KEY]


def test_timestamps_go_on_past_the_31_bits_of_flv() -> None:
    splitter = Splitter()
    splitter.feed(FILE_HEADER)
    stamps = [2**31 - 40, 2**31, 2**31 + 40, 2**31 + 20]
    found = [splitter.feed(PICTURE.written(ts))[0].ts_ms for ts in stamps]
    assert found == stamps


def test_an_opening_keeps_the_newest_header_of_each_kind_in_order() -> None:
    newer = Tag(TagKind.AUDIO, 0, b"\xaf\x00\x12\x11", header=True)
    opening = Opening().with_tag(AAC).with_tag(AVC).with_tag(META).with_tag(newer)
    assert opening.tags == (META, AVC, newer)
    assert Splitter().feed(opening.written()) == [META, AVC, newer]


def test_milliseconds_give_back_exact_frames_and_samples() -> None:
    for fps in (25, 30, 50):
        for n in (0, 1, 2, 7, 89_999, 2_160_000):
            tag = Tag(TagKind.VIDEO, round(n * 1000 / fps + 1024 / 44.1), b"\x27\x01\x00\x00\x00")
            assert frame_of(tag, fps) == n
    for i in (0, 1, 2, 1000, 3_720_000):
        tag = Tag(TagKind.AUDIO, round(i * 1024 / 44.1), b"\xaf\x01")
        assert sample_of(tag) == (i - 1) * 1024
    assert PRIMING_MS == 23
