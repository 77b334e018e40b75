"""Typed messages between the show, the engines and the playouts, over a Unix socket.

A message is a four-byte big-endian length and a msgpack body (`msgspec`, tagged structs). A body
is at most `MAX_MESSAGE_BYTES`. Positions inside speech are integer samples at `SAMPLE_RATE_HZ`;
positions of the stream ("media position") are samples since the session's first frame.

    WireError
    ├── MessageTooLarge     a peer announced or tried to send more than the limit
    └── MessageUnreadable   the bytes are not a message of this protocol
"""

from __future__ import annotations

import asyncio
import struct
from typing import Literal

import msgspec

from services.wire_engines import (
    CancelBelow as CancelBelow,
)
from services.wire_engines import (
    EngineState as EngineState,
)
from services.wire_engines import (
    Generate as Generate,
)
from services.wire_engines import (
    Generated as Generated,
)
from services.wire_engines import (
    LookMade as LookMade,
)
from services.wire_engines import (
    MakeLook as MakeLook,
)
from services.wire_engines import (
    Pin as Pin,
)
from services.wire_engines import (
    Resident as Resident,
)
from services.wire_engines import (
    Stage as Stage,
)
from services.wire_engines import (
    Staged as Staged,
)
from services.wire_parts import (
    Message as Message,
)
from services.wire_parts import (
    Mood as Mood,
)
from services.wire_parts import (
    OutputSpec as OutputSpec,
)
from services.wire_parts import (
    OutputState as OutputState,
)
from services.wire_parts import (
    OutputStatus as OutputStatus,
)
from services.wire_parts import (
    PhraseFate as PhraseFate,
)
from services.wire_parts import (
    PhraseKind as PhraseKind,
)
from services.wire_parts import (
    ProductCard as ProductCard,
)
from services.wire_parts import (
    QuestionBubble as QuestionBubble,
)
from services.wire_parts import (
    SessionMode as SessionMode,
)
from services.wire_parts import (
    Viseme as Viseme,
)
from services.wire_parts import (
    WordMark as WordMark,
)

PROTOCOL = 1
SAMPLE_RATE_HZ = 44_100
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
MAX_PHRASE_S = 6.0

_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """A message could not be carried."""


class MessageTooLarge(WireError):
    """A message is over `MAX_MESSAGE_BYTES`."""


class MessageUnreadable(WireError):
    """The bytes received are not a message of this protocol."""


# ---- both ways -------------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """First message of each side. The newest `epoch` of role `show` fences older connections."""

    role: Literal["show", "supervisor", "playout", "language", "vision"]
    protocol: int = PROTOCOL
    build: str = ""
    config_hash: str = ""
    epoch: int = 0
    room: str = ""
    pid: int = 0


# ---- show -> playout -------------------------------------------------------------------------


class Phrase(Message, frozen=True, kw_only=True, tag="phrase"):
    """One spoken clause with all that is seen and heard during it.

    `pcm` is s16le mono at `SAMPLE_RATE_HZ`, at most `MAX_PHRASE_S`, already levelled.
    `look` names a look that was prepared; when it differs from the look on air, playout
    cross-fades as the phrase starts. `product=None` leaves the card as it is; a card with an
    empty `product` takes it off. `urgent` drops queued phrases that have not started.
    """

    id: str
    kind: PhraseKind
    text: str
    pcm: bytes
    persona: str
    look: str
    session: str = ""
    trace: str = ""
    caption: str = ""
    language: str = "zh"
    generation: int = 0
    words: tuple[WordMark, ...] = ()
    visemes: tuple[Viseme, ...] = ()
    product: ProductCard | None = None
    question: QuestionBubble | None = None
    mood: Mood = Mood.NEUTRAL
    urgent: bool = False
    gap_s: float = 0.12


class PrepareLook(Message, frozen=True, kw_only=True, tag="prepare_look"):
    """Decode a look off the clock; answered by `LookReady`."""

    look: str
    path: str


class Reserve(Message, frozen=True, kw_only=True, tag="reserve"):
    """One evergreen phrase of the persona on air; index `total - 1` completes and swaps the set."""

    persona: str
    index: int
    total: int
    phrase: Phrase


class OpenSession(Message, frozen=True, kw_only=True, tag="open_session"):
    """Start (or go on with) a session. Opening the session that already runs changes nothing but
    its mode. Without a show for `orphan_s` playout does `orphan_action`."""

    session: str
    mode: SessionMode
    look: str
    look_path: str
    persona: str = ""
    orphan_s: float = 1800.0
    orphan_action: Literal["hold", "end"] = "hold"


class CloseSession(Message, frozen=True, kw_only=True, tag="close_session"):
    """End the session: outputs stop, the recording closes, the clock rests."""

    session: str


class SetOutputs(Message, frozen=True, kw_only=True, tag="set_outputs"):
    """The whole wanted set of destinations; a changed key restarts just that one."""

    outputs: tuple[OutputSpec, ...]


class DropQueued(Message, frozen=True, kw_only=True, tag="drop_queued"):
    """Drop queued phrases that have not started and belong to an older generation."""

    below_generation: int


class Alive(Message, frozen=True, kw_only=True, tag="alive"):
    """Sent each second. `quiet`: nothing will be said on purpose (paused, script ended)."""

    quiet: bool = False


class Cut(Message, frozen=True, kw_only=True, tag="cut"):
    """Red button: fade the sound within a second, drop what is queued, show the holding picture."""

    reason: str = ""


class Uncut(Message, frozen=True, kw_only=True, tag="uncut"):
    """Back from the holding picture."""


class TestCue(Message, frozen=True, kw_only=True, tag="test_cue"):
    """Flash the picture and beep (1 kHz, 0.2 s) at the same media position, `count` times."""

    count: int = 1
    every_s: float = 1.0


class AckFates(Message, frozen=True, kw_only=True, tag="ack_fates"):
    """The show has journalled these phrases' fates; playout may forget them."""

    ids: tuple[str, ...]


# ---- playout -> show -------------------------------------------------------------------------


class Want(Message, frozen=True, kw_only=True, tag="want"):
    """Playout holds less than about 1.2 s of speech and asks for the next phrase. Repeated every
    0.25 s while it stands; at most one phrase is to be sent for one `serial`."""

    serial: int
    held_s: float


class LookReady(Message, frozen=True, kw_only=True, tag="look_ready"):
    """A look was decoded (or why not)."""

    look: str
    ok: bool
    error: str = ""


class Started(Message, frozen=True, kw_only=True, tag="started"):
    """A phrase's first sample was composed, at media position `at` (samples)."""

    id: str
    session: str
    at: int


class Fated(Message, frozen=True, kw_only=True, tag="fated"):
    """A phrase's fate, repeated after each reconnect until acknowledged.

    `at` is the media position of its first sample (-1: never started), `heard_s` how much of it
    was heard; `recording` the file that holds it and `recording_s` where in it.
    """

    id: str
    fate: PhraseFate
    kind: PhraseKind
    session: str
    persona: str
    text: str
    trace: str = ""
    at: int = -1
    heard_s: float = 0.0
    ended_unix_s: float = 0.0
    recording: str = ""
    recording_s: float = 0.0


class Status(Message, frozen=True, kw_only=True, tag="status"):
    """Sent each second and on a change of `outputs`."""

    session: str
    mode: SessionMode
    position: int
    frames: int
    late_frames: int = 0
    repeated_frames: int = 0
    reanchors: int = 0
    held_s: float = 0.0
    phrase: str = ""
    look: str = ""
    persona: str = ""
    source: str = ""  # speech | idle | reserve | holding
    cut: bool = False
    loudness_dbfs: float = -100.0
    recording: str = ""
    recording_error: str = ""
    outputs: tuple[OutputStatus, ...] = ()


AnyMessage = (
    Hello
    | Phrase
    | PrepareLook
    | Reserve
    | OpenSession
    | CloseSession
    | SetOutputs
    | DropQueued
    | Alive
    | Cut
    | Uncut
    | TestCue
    | AckFates
    | Want
    | LookReady
    | Started
    | Fated
    | Status
    | Stage
    | Staged
    | Pin
    | Generate
    | Generated
    | CancelBelow
    | MakeLook
    | LookMade
    | EngineState
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: Message) -> bytes:
    """One message as bytes, its length in front.

    Raises:
        MessageTooLarge: the body is over the limit; shorten the phrase.
    """
    body = _encoder.encode(message)
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{type(message).__name__} is {len(body)} bytes, over {MAX_MESSAGE_BYTES}")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> AnyMessage:
    """The message in `body` (without its length).

    Raises:
        MessageUnreadable: it is not a message of this protocol.
    """
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise MessageUnreadable(f"not a message of protocol {PROTOCOL}: {error}") from error


async def read(reader: asyncio.StreamReader) -> AnyMessage | None:
    """The next message, or None when the peer closed between two messages.

    Raises:
        MessageTooLarge, MessageUnreadable: the peer does not speak this protocol; close the link.
    """
    try:
        head = await reader.readexactly(_LENGTH.size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"the peer announced {length} bytes, over {MAX_MESSAGE_BYTES}")
    try:
        return decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
