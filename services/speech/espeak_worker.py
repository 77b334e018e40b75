"""The espeak-ng worker: a program of its own, driven over stdin and stdout, ending at EOF.

It imports nothing of livehost, because libespeak-ng is GPL and because it may crash alone. Each
request is a big-endian u32 length and a JSON object
`{"voice", "chunks": [{"text", "rate", "pitch", "range"}]}`; each reply is a length and a JSON object
`{"rate_hz", "chunks": [{"bytes", "events": [[kind, sample, at, name], …]}]}` (or `{"error"}`),
followed by the chunks' s16le samples one after the other. Event kinds: "word" (`at` is the position
in the text, from 1) and "phoneme" (`name` in IPA-like letters, empty between words).
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

_LIMIT_BYTES = 1 << 20
_SYNCHRONOUS_CALLBACK = 2
_OPTIONS = 0x1 | 0x2 | 0x8000  # phoneme events, in IPA, and never exit the process
_TEXT_FLAGS = 0x1 | 0x10 | 0x100  # UTF-8, SSML, [[phonemes]]
_EVENT_WORD, _EVENT_PHONEME = 1, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_LENGTH = struct.Struct(">I")


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Synthesiser:
    """libespeak-ng, one text at a time."""

    def __init__(self) -> None:
        import espeakng_loader

        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path())
        self._variants = data / "voices" / "!v"
        self.rate_hz: int = self._lib.espeak_Initialize(
            _SYNCHRONOUS_CALLBACK, 60, str(data).encode(), _OPTIONS
        )
        if self.rate_hz <= 0:
            raise RuntimeError(
                f"libespeak-ng did not start with the data at {data}; reinstall espeakng-loader"
            )
        self._pcm = bytearray()
        self._events: list[tuple[str, int, int, str]] = []
        self._callback = _Callback(self._take)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _take(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            self._pcm += ctypes.string_at(wav, count * 2)
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._events.append(("word", event.sample, event.text_position, ""))
            elif event.type == _EVENT_PHONEME:
                name = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
                self._events.append(("phoneme", event.sample, event.text_position, name))
            index += 1
        return 0

    def use(self, voice: str) -> None:
        """Choose a voice, such as `cmn-latn-pinyin+f2`."""
        _, _, variant = voice.partition("+")  # espeak passes over a variant that it does not have
        known = not variant or (self._variants / variant).is_file()
        if not known or self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak has no voice {voice!r}; choose one like cmn-latn-pinyin+f2")

    def speak(self, chunk: dict[str, Any]) -> tuple[bytes, list[tuple[str, int, int, str]]]:
        """The samples and events of one chunk of text."""
        self._pcm.clear()
        self._events.clear()
        for parameter, value in (
            (_RATE, chunk["rate"]),
            (_VOLUME, 60),  # full volume clips inside the synthesiser
            (_PITCH, chunk["pitch"]),
            (_RANGE, chunk["range"]),
        ):
            self._lib.espeak_SetParameter(parameter, int(value), 0)
        text = chunk["text"].encode() + b"\0"
        code = self._lib.espeak_Synth(text, len(text), 0, 1, 0, _TEXT_FLAGS, None, None)
        if code != 0:
            raise RuntimeError(f"espeak_Synth answered {code}")
        return bytes(self._pcm), list(self._events)


def _reply(out: BinaryIO, head: dict[str, Any], body: bytes = b"") -> None:
    encoded = json.dumps(head).encode()
    out.write(_LENGTH.pack(len(encoded)) + encoded + body)
    out.flush()


def serve(source: BinaryIO, out: BinaryIO) -> None:
    """Answer requests until the other side closes."""
    synthesiser = Synthesiser()
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if length > _LIMIT_BYTES:
            return
        body = source.read(length)
        if len(body) < length:
            return
        try:
            request = json.loads(body)
            synthesiser.use(request["voice"])
            spoken = [synthesiser.speak(chunk) for chunk in request["chunks"]]
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            _reply(out, {"error": f"{type(error).__name__}: {error}"})
            continue
        chunks = [{"bytes": len(pcm), "events": events} for pcm, events in spoken]
        _reply(out, {"rate_hz": synthesiser.rate_hz, "chunks": chunks}, b"".join(pcm for pcm, _ in spoken))


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
