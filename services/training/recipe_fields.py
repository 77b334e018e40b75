"""What a recipe may say: `Recipe` for a persona's adapter, `BaseRecipe` for what the repository ships."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.training.schedule import SchedulerName

SERVICES = Path(__file__).resolve().parent.parent
EMBEDDED_BASES = {"language": SERVICES / "language" / "base", "visual": SERVICES / "vision" / "base"}

Kind = Literal["language", "visual"]
BaseKind = Literal["language-base", "vision-base", "language-ways", "visual-colours"]
Precision = Literal["auto", "no", "fp16", "bf16"]
ExportFormat = Literal["kohya", "diffusers"]


def _several(given: Any) -> Any:
    """One value where a list may stand counts as a list of one."""
    return given if given is None or isinstance(given, list | tuple) else [given]


def _square(given: Any) -> Any:
    """`768` and `"768"` are 768 × 768; `"768,512"` and `768x512` are a width and a height."""
    if isinstance(given, str):
        given = given.lower().replace("x", ",").replace("×", ",").split(",")
    if isinstance(given, list | tuple) and len(given) == 1:
        given = given[0]
    return given if given is None or isinstance(given, list | tuple) else (given, given)


def _text(given: Any) -> Any:
    """YAML's 1 is the version "1"."""
    return str(given) if type(given) in (int, float) else given


def place(output_dir: Path) -> tuple[str, str]:
    """The persona and version that a folder's place says: `<persona>/<kind>/<version>`, else its name and 1."""
    parts = output_dir.parts
    if len(parts) >= 3 and parts[-2] in ("language", "visual"):
        return slug(parts[-3]), parts[-1]
    return slug(output_dir.name), "1"


def slug(name: str) -> str:
    """A name as a persona's id: small letters, digits, `-` and `_`, at most 48; `persona` where none is left."""
    small = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    return small[:48] or "persona"


def _persona(given: dict[str, Any]) -> str:
    return place(given["output_dir"])[0] if "output_dir" in given else "persona"


def _version(given: dict[str, Any]) -> str:
    return place(given["output_dir"])[1] if "output_dir" in given else "1"


Paths = Annotated[tuple[Path, ...], BeforeValidator(_several)]
Words = Annotated[tuple[str, ...], BeforeValidator(_several)]
Side = Annotated[int, Field(ge=8, le=4096)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

# What changes how a run is named, watched, kept or placed, or when it is over, and not what one of its steps does.
BESIDE_THE_WEIGHTS = frozenset(
    {
        "persona", "version", "resume", "device", "threads", "workers", "cache_dir", "consent", "export", "sample_prompts",
        "sample_every", "save_every", "save_every_steps", "minutes",
    }
)  # fmt: skip
# How long a run is: it may change as long as the steps that are done had the same learning rates (`loop` sees to it).
LENGTH = frozenset({"epochs", "steps"})


class Recipe(BaseModel):
    """A run that makes one adapter. Once read, every path is absolute and `kind` is known.

    A run ends after `epochs`, at `steps` or after `minutes`, whichever comes first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Kind = Field(description="visual | language; inferred from base_model when absent")
    output_dir: Path = Field(description="the adapter's new folder; must not exist or be empty")

    train_data_dir: Path | None = Field(None, description="pictures; for language a folder of samples")
    metadata_path: Path | None = Field(
        None, description="captions: .csv or .jsonl; else .txt beside pictures"
    )
    train_data: Paths = Field((), description="sample files: .jsonl, .jsonl.gz")
    validation_data: Paths = Field((), description="held-out sample files; else validation_share of the data")
    validation_share: float = Field(0.1, ge=0, le=0.5, description="held out by group, never trained on")

    base_model: Path = Field(description="a directory, one .safetensors checkpoint, or `embedded`")
    tokenizer: Path | None = Field(None, description="CLIP's tokenizer folder, for a single checkpoint")
    init_from: Path | None = Field(None, description="an adapter's folder to continue from")

    persona: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")] = Field(
        default_factory=_persona, description="default: what output_dir says"
    )
    version: Annotated[str, BeforeValidator(_text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")] = (
        Field(default_factory=_version, description="default: what output_dir says, else 1")
    )
    consent: Path | None = Field(None, description="the consent's YAML; without one it cannot go on air")
    trigger_words: Words = Field((), description="words of the prompt that bring the persona")

    lora_rank: int = Field(16, ge=1, le=128)
    lora_alpha: float | None = Field(None, gt=0, le=65536, description="default: lora_rank")
    lora_dropout: Share = 0.0
    train_text_encoder: bool | None = Field(None, description="default: for the embedded base only")

    resolution: Annotated[tuple[Side, Side] | None, BeforeValidator(_square)] = Field(
        None, description="768 or [width, height] in pixels; default: the base's own"
    )
    caption_dropout: Share = Field(0.05, description="share of samples that are shown without a caption")
    min_snr_gamma: Positive | None = Field(None, description="weight of noise levels, 5 is usual")
    noise_offset: float = Field(0.0, ge=0, le=1)
    max_length: int | None = Field(
        None, ge=8, le=131072, description="tokens of a sample; default: the base's"
    )
    way: str = Field("", description="which wording to learn where rows hold several")

    batch_size: int = Field(4, ge=1, le=4096)
    gradient_accumulation: int = Field(1, ge=1, le=4096, description="micro-batches in a step")
    gradient_checkpointing: bool = Field(
        False, description="much less memory, a step takes about 1.7 times as long"
    )
    mixed_precision: Precision = "auto"

    epochs: int = Field(10, ge=1, le=100_000)
    steps: int | None = Field(None, ge=1, description="a cap; the learning rate comes down by then")
    minutes: Positive | None = Field(None, description="a cap; the learning rate does not come down for it")
    learning_rate: float = Field(1e-4, gt=0, le=1)
    lr_scheduler: SchedulerName = "cosine"
    warmup: Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05, description="steps, or a share of all steps when below 1"
    )
    optimizer: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.01, ge=0, le=1)
    max_grad_norm: Positive = 1.0
    seed: int = Field(0, ge=0, lt=2**32)

    sample_prompts: Words = Field((), description="prompts or questions that are sampled while it trains")
    sample_every: int = Field(1, ge=0, description="epochs between samples; 0: none")
    save_every: int = Field(1, ge=0, description="epochs between checkpoints; 0: none by epoch")
    save_every_steps: int | None = Field(None, ge=1, description="steps between checkpoints besides")
    resume: Literal["auto"] | bool = Field("auto", description="go on with an unfinished run of this recipe")
    export: Annotated[tuple[ExportFormat, ...], BeforeValidator(_several)] = Field(
        (), description="files for other programs besides: kohya, diffusers"
    )

    cache_dir: Path | None = Field(None, description="default: $XDG_CACHE_HOME/livehost/training")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    threads: int = Field(0, ge=0, le=1024, description="0: all cores")
    workers: int = Field(
        0, ge=0, le=64, description="visual: threads that crop pictures; 0: one a core, four at most"
    )

    @property
    def alpha(self) -> float:
        """lora_alpha, or the rank where the recipe names none."""
        return float(self.lora_rank) if self.lora_alpha is None else self.lora_alpha

    @property
    def embedded(self) -> bool:
        """Whether the base is the one that the repository ships for this kind."""
        return self.base_model.resolve() == EMBEDDED_BASES[self.kind].resolve()

    @property
    def digest(self) -> str:
        """Names the run for `resume`: 16 hex digits over all that can change its steps, data and length aside."""
        beside = BESIDE_THE_WEIGHTS | LENGTH
        told = {key: value for key, value in self.content().items() if key not in beside}
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]

    def content(self) -> dict[str, Any]:
        """The recipe for a card: JSON-able, defaults included, of paths only their last parts."""
        told: dict[str, Any] = {}
        for key in type(self).model_fields:
            value = getattr(self, key)
            if key not in ("cache_dir", "output_dir") and value not in (None, ()):
                told[key] = _plain(value)
        if self.embedded:
            told["base_model"] = "embedded"
        return told


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


class BaseRecipe(BaseModel):
    """A run of a kind that the repository's own models are made by. Paths are absolute once read.

    `language-base`, `vision-base`: an embedded base. `language-ways`, `visual-colours`: a demo persona's
    adapter from generated rows or drawn portraits. A run ends at `steps` or after `minutes`, whichever
    comes first, and writes into `output_dir`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: BaseKind
    output_dir: Path
    base_model: Path | None = Field(None, description="the base that an adapter is trained on")
    train_data: Paths = Field((), description="rows: .jsonl or .jsonl.gz")
    persona: str = ""
    version: Annotated[str, BeforeValidator(_text)] = "1"
    consent: Path | None = Field(None, description="the consent's YAML that goes into the card")
    trigger_words: Words = ()
    lora_rank: int = Field(8, ge=1, le=128)
    lora_alpha: float | None = Field(None, description="default: twice the rank")
    steps: int = Field(1000, ge=1)
    minutes: float | None = Field(None, gt=0)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warmup: int = Field(100, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    seed: int = 0
    device: str = "auto"
    threads: int = Field(0, ge=0, description="0: all cores")
    resume: bool = Field(False, description="go on from output_dir/checkpoint.pt")
    save_every: int = Field(500, ge=1)
    sizes: dict[str, Any] = Field({}, description="the model's measures, as the kind names them")
