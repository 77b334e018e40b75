"""Which rows an adapter was trained on, by digest: so that it is never judged on them. No torch here.

Training writes the digests of the rows that it learned from (its held-out split left out) into
`training.json` as `seen`, a sorted list; evaluation refuses rows whose digest stands there. A row is
known by what the model is given, so the same question with another answer is the same row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from services.training.samples import Sample

TRAINING_FILE = "training.json"
SEEN = "seen"
DIGEST_CHARS = 16


def sample_digest(sample: Sample) -> str:
    """A sample's digest: over its question and core, or its messages, without blanks and marks."""
    told = [*(content for _, content in sample.messages)] or [sample.question or "", sample.core]
    plain = "\n".join("".join(c for c in text if c.isalnum() or c == ".") for text in told)
    return hashlib.sha256(plain.encode()).hexdigest()[:DIGEST_CHARS]


def picture_digest(sha256: str) -> str:
    """A picture's digest, from the SHA-256 of its file."""
    return sha256[:DIGEST_CHARS]


def seen_by(folder: Path) -> frozenset[str]:
    """The digests of what the adapter in a folder was trained on; empty where its training did not say.

    Raises:
        ValueError: `training.json` is there and cannot be read.
    """
    file = folder / TRAINING_FILE
    try:
        told = json.loads(file.read_text(encoding="utf-8")).get(SEEN, [])
        return frozenset(str(one) for one in told)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{file} 读不出，请恢复原文件 / cannot be read; restore the file ({error})"
        ) from error


def seen_rows(digests: Iterable[str]) -> list[str]:
    """What training writes as `seen`."""
    return sorted(set(digests))
