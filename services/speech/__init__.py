"""Text -> speech: normaliser, engines behind a failover chain, mouth shapes, loudness.

`Speaker` (chain.py) is the way in. Names load when first used, so that `livehost --help` stays instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.speech.chain import Speaker
    from services.speech.normalise import read_aloud
    from services.speech.phrases import split_phrases
    from services.speech.types import (
        EngineSpec,
        EngineUnavailable,
        NothingToSay,
        NoVoiceLeft,
        Speech,
        SpeechError,
        VoiceSpec,
    )

__all__ = [
    "EngineSpec",
    "EngineUnavailable",
    "NoVoiceLeft",
    "NothingToSay",
    "Speaker",
    "Speech",
    "SpeechError",
    "VoiceSpec",
    "read_aloud",
    "split_phrases",
]

_HOMES = {"Speaker": "chain", "read_aloud": "normalise", "split_phrases": "phrases"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'types')}"), name)
