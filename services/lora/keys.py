"""The name under which anything that depends on base and adapter is cached."""

from __future__ import annotations

import hashlib


def cache_key(base_sha256: str, adapter_sha256: str, *parts: str | int | float) -> str:
    """A key for what was made by a base with an adapter ("" for none) from `parts` (prompt, seed, …).

    It hangs on the contents, not on names: a new version of an adapter never meets an old entry.
    """
    whole = hashlib.sha256()
    for part in (base_sha256, adapter_sha256, *map(repr, parts)):
        raw = part.encode()
        whole.update(len(raw).to_bytes(8, "little") + raw)
    return whole.hexdigest()
