"""A safetensors file's header, read by hand from bytes that are already in memory.

Nothing of the file is trusted: lengths are checked before they are used, and every fault is listed.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

HEADER_MAX_BYTES = 8 * 1024 * 1024
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8
MAX_NAME = 512
ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2,
    "I8": 1, "U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1,
}  # fmt: skip
FLOAT_DTYPES = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Entry:
    """One tensor of the file: `begin` and `end` are byte positions in the whole file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What the header says, and everything that is wrong with it."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    problems: tuple[str, ...]


class _Twice(ValueError):
    """A JSON object names a key twice."""


def read_header(data: bytes) -> Header:
    """The header of a whole file's bytes; never raises for what the bytes hold."""
    fault = _length_fault(data)
    if fault:
        return Header({}, {}, (_pickled(data) or fault,))
    length = int.from_bytes(data[:8], "little")
    try:
        raw = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_once)
    except _Twice as error:
        return Header({}, {}, (f"the header names {error} twice; export the adapter again",))
    except (ValueError, RecursionError) as error:
        text = f"the header is not JSON ({str(error)[:120]}); the file is damaged: copy it again"
        return Header({}, {}, (text,))
    if not isinstance(raw, dict):
        return Header({}, {}, ("the header is not an object; the file is damaged: copy it again",))
    metadata = raw.pop("__metadata__", None) or {}
    problems = []
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        problems.append("__metadata__ is not a table of texts; export the adapter again")
        metadata = {}
    if len(raw) > MAX_TENSORS:
        problems.append(f"the header names {len(raw)} tensors, over {MAX_TENSORS}; this is no adapter")
        return Header({}, metadata, tuple(problems))
    entries = {}
    for key, value in raw.items():
        entry = _entry(value, 8 + length, len(data)) if len(key) <= MAX_NAME else "its name is too long"
        if isinstance(entry, Entry):
            entries[key] = entry
        else:
            problems.append(f"{key[:120]}: {entry}; the file is damaged: copy it again")
    if not problems:
        problems += _holes(entries, 8 + length, len(data))
    return Header(entries, metadata, tuple(problems))


def _pickled(data: bytes) -> str:
    """What a file without a usable header is, where it begins as a pickle does: alone, or in a zip.

    A header's length may well begin with the same bytes, so only an unusable one is judged by them.
    """
    if data[:4] == b"PK\x03\x04":
        what = "is a pickle in a zip"
    elif data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        what = "is a pickle"
    else:
        return ""
    return f"it {what} (a .pt or .bin file under another name), which may run code; save as safetensors"


def _length_fault(data: bytes) -> str:
    if len(data) < 8:
        return f"it is only {len(data)} bytes long, no safetensors file; copy it again"
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_MAX_BYTES:
        return f"the header claims {length} bytes, over {HEADER_MAX_BYTES}; this is no adapter"
    if length > len(data) - 8:
        return f"the header claims {length} bytes but {len(data) - 8} follow; the file is cut short: copy it again"
    return ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1)[:120])
    return result


def _entry(value: Any, start: int, size: int) -> Entry | str:
    """One tensor's entry, or what is wrong with it."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        return "its entry is not dtype, shape and data_offsets"
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        told = dtype[:20] if isinstance(dtype, str) else type(dtype).__name__
        return f"dtype {told!r} is unknown"
    if not _naturals(shape) or len(shape) > MAX_DIMENSIONS:
        return "shape is not a list of sizes"
    if not _naturals(offsets) or len(offsets) != 2:
        return "data_offsets is not a pair"
    begin, end = (start + offset for offset in offsets)
    if end - begin != math.prod(shape) * ITEM_BYTES[dtype]:
        return f"its {end - begin} bytes do not hold {dtype} {shape}"
    if end > size:
        return f"its bytes end at {end}, after the file's end at {size}"
    return Entry(dtype, tuple(shape), begin, end)


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 2**48 for one in value)


def _holes(entries: dict[str, Entry], start: int, size: int) -> list[str]:
    """The tensors must cover the rest of the file, each byte once."""
    at = start
    for entry in sorted(entries.values(), key=lambda one: (one.begin, one.end)):
        if entry.begin != at:
            return ["the tensors overlap or leave gaps; the file is damaged: copy it again"]
        at = entry.end
    return (
        []
        if at == size
        else [f"{size - at} bytes follow the last tensor; the file is damaged: copy it again"]
    )
