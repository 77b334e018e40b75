"""FLV as tags: what the muxer wrote is split, kept by kind, and written again from zero.

A destination or a viewer that joins gets the file header, the three kept tags (metadata and the
sequence headers of AVC and AAC), then tags from a keyframe on with timestamps from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

FILE_HEADER = b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
_WRAP = 1 << 31
_END_OF_SEQUENCE = 2


class TagKind(IntEnum):
    """What an FLV tag holds."""

    AUDIO = 8
    VIDEO = 9
    SCRIPT = 18


@dataclass(frozen=True, slots=True)
class Tag:
    """One FLV tag. `header` marks sequence headers and metadata, `key` an IDR picture."""

    kind: TagKind
    ts_ms: int
    body: bytes
    key: bool = False
    header: bool = False

    def written(self, ts_ms: int) -> bytes:
        """The tag's bytes with another timestamp, and its length behind."""
        size = len(self.body)
        ts = ts_ms % _WRAP
        head = bytes((self.kind, size >> 16, (size >> 8) & 255, size & 255))
        stamp = bytes(((ts >> 16) & 255, (ts >> 8) & 255, ts & 255, ts >> 24, 0, 0, 0))
        return b"".join((head, stamp, self.body, (size + 11).to_bytes(4, "big")))

    @property
    def coded(self) -> bytes:
        """The access unit itself, as MP4 wants it (AVC with lengths, AAC raw)."""
        return self.body[5:] if self.kind is TagKind.VIDEO else self.body[2:]


@dataclass(frozen=True, slots=True)
class Opening:
    """What stands before the first picture for whoever joins."""

    tags: tuple[Tag, ...] = ()

    def with_tag(self, tag: Tag) -> Opening:
        """The opening with a header tag in its kind's place."""
        kept = [old for old in self.tags if old.kind is not tag.kind]
        return Opening(tuple(sorted((*kept, tag), key=lambda each: -each.kind)))

    def written(self) -> bytes:
        """File header and header tags, all at timestamp 0."""
        return FILE_HEADER + b"".join(tag.written(0) for tag in self.tags)


class Splitter:
    """Turns the muxer's bytes into tags; timestamps go on past 2**31 ms."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._in_header = True
        self._last_ms = 0

    def feed(self, data: bytes) -> list[Tag]:
        """The tags that are complete with `data`."""
        self._pending += data
        if self._in_header:
            if len(self._pending) < len(FILE_HEADER):
                return []
            del self._pending[: len(FILE_HEADER)]
            self._in_header = False
        tags = []
        at = 0
        pending = self._pending
        while len(pending) - at >= 11:
            size = int.from_bytes(pending[at + 1 : at + 4], "big")
            end = at + 11 + size
            if len(pending) < end + 4:
                break
            ts = int.from_bytes(pending[at + 4 : at + 7], "big") | pending[at + 7] << 24
            tag = _tag(pending[at], self._unwrapped(ts), bytes(pending[at + 11 : end]))
            if tag.kind is not TagKind.VIDEO or tag.body[1] != _END_OF_SEQUENCE:
                tags.append(tag)
            at = end + 4
        del pending[:at]
        return tags

    def _unwrapped(self, ts_ms: int) -> int:
        ts_ms += self._last_ms - self._last_ms % _WRAP
        if ts_ms < self._last_ms - _WRAP // 2:
            ts_ms += _WRAP
        self._last_ms = max(self._last_ms, ts_ms)
        return ts_ms


def _tag(kind: int, ts_ms: int, body: bytes) -> Tag:
    match TagKind(kind):
        case TagKind.VIDEO:
            key = body[0] >> 4 == 1 and body[1] == 1
            return Tag(TagKind.VIDEO, ts_ms, body, key=key, header=body[1] == 0)
        case TagKind.AUDIO:
            return Tag(TagKind.AUDIO, ts_ms, body, header=body[1] == 0)
        case TagKind.SCRIPT:
            return Tag(TagKind.SCRIPT, ts_ms, body, header=True)
