"""Text -> speech: normaliser, engines behind a failover chain, mouth shapes, loudness.

`Speaker` (chain.py) is the way in.
"""

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
