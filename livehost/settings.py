"""What an operator configures, one model a concern; unknown keys are errors.

Reading files, `${ENV}`, cross checks and the report of all problems are in `livehost/check.py`.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from livehost.chat.source_settings import Source

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Language = Literal["zh", "en", "ja"]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]{1,2})?)$")]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class Part(BaseModel):
    """Base of every settings model: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Canvas(Part):
    """The picture: pixels and frames a second. The fps must divide 44,100."""

    width: int = Field(720, ge=240, le=2160, multiple_of=2)
    height: int = Field(1280, ge=240, le=3840, multiple_of=2)
    fps: int = Field(25, ge=10, le=60)


class Encoder(Part):
    """x264 and AAC. One thread, closed GOP, constant bitrate."""

    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = "superfast"
    video_kbps: int = Field(2500, ge=300, le=12000)
    audio_kbps: int = Field(128, ge=64, le=320)
    gop_s: float = Field(2.0, ge=0.5, le=10)
    threads: int = Field(1, ge=1, le=16)


class Output(Part):
    """A destination: push address (推流地址) and key (推流码)."""

    name: Name
    url: str
    key: SecretStr = SecretStr("")
    enabled: bool = True


class VoiceEngine(Part):
    """One engine of a voice's chain. `kind` says which; `voice` is that engine's voice name.

    `other_voice` marks a substitute that does not sound like the persona: it is spoken only if
    the persona's `allow_other_voice` is on.
    """

    kind: Literal["edge", "espeak", "openai"]
    voice: str
    rate: float = Field(1.0, ge=0.5, le=2.0)
    pitch: float = Field(1.0, ge=0.5, le=2.0)
    url: str = ""
    key: SecretStr = SecretStr("")
    model: str = ""
    other_voice: bool = False


class Voice(Part):
    """A persona's one voice, as a chain of engines tried in order."""

    chain: tuple[VoiceEngine, ...] = Field(min_length=1)
    allow_other_voice: bool = False


class Style(Part):
    """How a persona words things: her address to viewers, particles, openers, closers."""

    self_name: str
    address: tuple[str, ...] = ("家人们",)
    openers: tuple[str, ...] = ()
    closers: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()


class AdapterVersions(Part):
    """Which versions of a persona's adapters are worn: `<library>/<persona>/<kind>/<version>`.

    A kind that is left out has none: a real base words and draws by the prompt alone; where the
    embedded base would, the template speaks. `promoted` follows `livehost adapters promote` and
    `rollback`: what they name comes on at a phrase boundary, without a restart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)  # 1 is "1"

    language: Version | None = None  # how she words things
    visual: Version | None = None  # how she looks

    def named(self) -> tuple[tuple[Literal["language", "visual"], str], ...]:
        """Kind and version of each that is named."""
        both: tuple[tuple[Literal["language", "visual"], str | None], ...] = (
            ("language", self.language),
            ("visual", self.visual),
        )
        return tuple((kind, version) for kind, version in both if version is not None)


class LookVariant(Part):
    """Another look of the same persona (a set, an outfit) for the products that it suits."""

    id: Name
    prompt: str = Field(min_length=1, max_length=500)  # the whole caption, trigger word included
    products: tuple[str, ...] = Field(min_length=1)  # worn while one of these is presented


class Portrait(Part):
    """How the vision base draws a persona over her posed look.

    The same base, adapter, prompt and seed give the same picture, which is kept and found again.
    """

    prompt: str = Field(min_length=1, max_length=500)  # the caption, with the adapter's trigger word
    negative: str = Field("", max_length=500)  # what the picture should not show
    seed: int = Field(0, ge=0, le=2**31 - 1)  # of the noise: another seed, another picture
    strength: float = Field(1.0, gt=0, le=1)  # how far the picture may leave the posed look
    guidance: float = Field(1.5, ge=1, le=20)  # how closely it follows the caption
    variants: tuple[LookVariant, ...] = Field((), max_length=4)  # playout keeps twelve looks decoded


class Persona(Part):
    """A digital host: look, voice and words as one thing.

    `look` is a folder, or `builtin:NAME` for one that the project draws: the posed template, and
    what is shown where no model draws her. Lines may hold `{self}`, `{address}` and `{shop}`;
    `reserve` lines hold no price, number or stock.
    """

    id: Name
    name: str
    look: str
    adapters: AdapterVersions = AdapterVersions()
    portrait: Portrait | None = None
    voice: Voice
    style: Style
    language: Language = "zh"
    greeting: tuple[str, ...] = Field(min_length=1)
    farewell: tuple[str, ...] = Field(min_length=1)
    bridges: tuple[str, ...] = Field(min_length=1)
    resumes: tuple[str, ...] = Field(min_length=1)
    reserve: tuple[str, ...] = Field(min_length=2)
    disclosure: tuple[str, ...] = Field(min_length=1)

    @property
    def own_words(self) -> tuple[str, ...]:
        """Words that she may use around what she is told to say; saying that she is AI has its own time."""
        style = self.style
        return (
            style.self_name, *style.address, *style.openers, *style.closers, *style.particles,
            *self.greeting, *self.farewell, *self.bridges, *self.resumes, *self.reserve,
        )  # fmt: skip


class Segment(Part):
    """A piece of a rundown: one idea, in several wordings.

    Wordings may hold facts as `{price}`, `{name}`, `{link}`, `{coupon}`, … (`livehost/rundown.py`
    lists them); a wording whose fact is unknown or no longer valid is not said.
    """

    id: Name
    kind: Literal[
        "welcome", "benefit", "scene", "explain", "price", "interact", "close", "service", "next"
    ] = "explain"
    product: str | None = None
    wordings: tuple[str, ...] = Field(min_length=1)


class Rundown(Part):
    """The script of a show (话术脚本): segments in order, from the top again at the end."""

    id: Name
    segments: tuple[Segment, ...] = Field(min_length=1)


class Slot(Part):
    """A line of the timetable (排班).

    `rrule` is an RFC 5545 rule with FREQ >= DAILY on the room's local dates from `first` on; `at`
    is wall-clock time; `duration` elapsed time. `persona: null` is *off air*.
    """

    id: Name
    persona: Name | None
    rundown: Name | None = None
    adapters: AdapterVersions | None = None  # other versions than the persona's own
    first: date
    at: time
    duration: timedelta = Field(gt=timedelta(0), le=timedelta(days=7))
    rrule: str | None = None
    exdate: tuple[date, ...] = ()
    rdate: tuple[date, ...] = ()
    priority: int = Field(0, ge=-100, le=100)


class Override(Part):
    """Somebody put a persona on by hand until an instant (`persona: null`: off air)."""

    persona: Name | None
    rundown: Name | None = None
    adapters: AdapterVersions | None = None  # other versions than the persona's own
    until: datetime


class Webhook(Part):
    """Who may post viewers' messages to a room. The body's HMAC-SHA256 with `secret`, or `token`."""

    secret: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")


class Room(Part):
    """One live room (直播间): one platform account, its timetable and its outputs."""

    id: Name
    title: str = ""
    platform: str = "generic"
    zone: str = "Asia/Shanghai"
    canvas: Canvas = Canvas()
    encoder: Encoder = Encoder()
    outputs: tuple[Output, ...] = ()
    default_persona: Name | None = None
    default_rundown: Name | None = None
    slots: tuple[Slot, ...] = ()
    follow_timetable: bool = False
    show_prices: bool = True
    prepare_s: float = Field(120.0, ge=1, le=900)  # how long before a slot its persona is made ready
    disclose_every_s: float = Field(240.0, ge=30, le=300)
    question_expires_s: float = Field(180.0, ge=10, le=3600)
    mode: Literal["auto", "review", "manual"] = "auto"  # how questions are answered at first
    review_expires_s: float = Field(180.0, ge=10, le=3600)  # how long an answer waits to be approved
    duty_absent_s: float = Field(300.0, ge=10, le=86_400)  # without an open desk so long: unattended
    unattended: Literal["answer", "faq_only", "script_only", "off"] = "answer"  # what it does then
    inbox_limit: int = Field(2000, ge=10, le=100_000)
    user_inbox_limit: int = Field(20, ge=1, le=100_000)  # how many questions of one viewer may wait
    orphan_s: float = Field(1800.0, ge=10)
    orphan_action: Literal["hold", "end"] = "hold"
    recording: bool = True
    recording_cap_gb: float = Field(20.0, gt=0)
    webhook: Webhook = Webhook()
    sources: tuple[Source, ...] = ()  # platforms and tools that tell of viewers, beside the webhook


class Token(Part):
    """A bearer token and what its holder may do."""

    role: Literal["viewer", "operator", "duty", "trainer"]
    token: SecretStr
    name: str = Field("", max_length=40)  # whose it is: named in the journal for what they do


class Api(Part):
    """Where the service listens and who may ask. `hosts` are accepted Host names besides loopback."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    red_button_port: int = Field(8081, ge=0, le=65535)
    tokens: tuple[Token, ...] = ()
    hosts: tuple[str, ...] = ()
    max_body_bytes: int = Field(1_000_000, ge=1000)


class AlarmPush(Part):
    """A chat group's webhook that hears of alarms. `format` is told by its host if left out."""

    url: SecretStr
    secret: SecretStr = SecretStr("")
    format: Literal["feishu", "dingtalk", "wecom", "json"] | None = None


class LanguageModel(Part):
    """The language base, loaded once a machine, and its engine's process.

    `embedded` is the small base that comes with livehost; `transformers` runs a model directory
    here; `openai` asks a server that speaks that API (vLLM). With `off` the templates speak.
    """

    engine: Literal["off", "embedded", "transformers", "openai"] = "off"
    base: Path | None = None  # transformers: the model's directory on this disk; embedded: another one
    url: str = ""  # openai: the server's address, as http://127.0.0.1:8000/v1
    key: SecretStr = SecretStr("")  # openai: the server's key
    model: str = ""  # openai: the base's name on that server
    slots: int = Field(8, ge=2, le=64)  # adapters that are resident at once, the bare base included
    max_rank: int = Field(16, ge=1, le=256)  # the highest rank that a slot has room for
    device: Device = "auto"  # auto: the first GPU, else the CPU
    dtype: Dtype = "auto"  # auto: bfloat16 where device or processor counts in it, else float32
    threads: int = Field(1, ge=1, le=64)  # of the CPU; playout needs a core of its own
    deadline_s: float = Field(2.5, ge=0.2, le=30)  # words that come later are not waited for
    max_tokens: int = Field(96, ge=8, le=512)  # the longest wording


class VisionModel(Part):
    """The vision base, loaded once a machine, and its engine's process.

    `embedded` is the small base that comes with livehost; `diffusers` runs a pipeline directory
    (Stable Diffusion 1.5, SDXL, turbo or LCM). With `off` the posed looks are shown as they are.
    """

    engine: Literal["off", "embedded", "diffusers"] = "off"
    base: Path | None = None  # diffusers: the pipeline's directory on this disk; embedded: another one
    slots: int = Field(8, ge=2, le=64)  # adapters that are resident at once, the bare base included
    max_rank: int = Field(16, ge=1, le=256)  # the highest rank that a slot has room for
    device: Device = "auto"  # auto: the first GPU, else the CPU
    dtype: Dtype = "auto"  # auto: float16 on a GPU, float32 on a CPU
    threads: int = Field(1, ge=1, le=64)  # of the CPU; playout needs a core of its own
    cache_mb: int = Field(512, ge=64, le=100_000)  # finished looks that are kept, least used go first


class Models(Part):
    """The shared bases. Nothing is ever downloaded: a base is a directory on this disk."""

    language: LanguageModel = LanguageModel()
    vision: VisionModel = VisionModel()


class Journal(Part):
    """The record of all that was said and done, which the law wants kept for three years."""

    keep_days: int = Field(1100, ge=1096, le=36_500)  # a session's record is deleted when it is older


class Settings(Part):
    """The whole configuration. Paths are absolute once read (relative to the file they stand in)."""

    language: Literal["zh", "en"] = "zh"
    state_dir: Path
    catalog: Path
    font: Path | None = None
    ai_label: str = "AI生成 · 数字人主播"
    models: Models = Models()
    adapters: Path | None = None  # the adapter library: <persona>/<language|visual>/<version>/
    api: Api = Api()
    alarms: tuple[AlarmPush, ...] = ()
    journal: Journal = Journal()
    redis_url: SecretStr | None = None
    rooms: tuple[Room, ...] = Field(min_length=1)
    personas: tuple[Persona, ...] = Field(min_length=1)
    rundowns: tuple[Rundown, ...] = Field(min_length=1)

    def persona(self, persona_id: str) -> Persona:
        """The persona of that id; raises KeyError."""
        return _by_id(self.personas, persona_id)

    def rundown(self, rundown_id: str) -> Rundown:
        """The rundown of that id; raises KeyError."""
        return _by_id(self.rundowns, rundown_id)

    def room(self, room_id: str) -> Room:
        """The room of that id; raises KeyError."""
        return _by_id(self.rooms, room_id)


_T = TypeVar("_T", Persona, Rundown, Room)


def _by_id(items: tuple[_T, ...], wanted: str) -> _T:
    for item in items:
        if item.id == wanted:
            return item
    raise KeyError(wanted)
