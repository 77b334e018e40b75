"""Trains a persona's visual adapter: LoRA on UNet and text encoder, by peft, from some pictures of its colours.

The trigger word alone then brings the persona's hair, dress, skin and set; a caption that names a colour still
gets it, and captions without the word stay as they were.

    python -m services.training configs/train/visual-tang-morning.yaml

This is how the demo's adapters were made; a persona of one's own is trained from pictures (visual_task).

AdapterUseless   the adapter changes nothing, or its numbers are not finite; nothing is written
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from services.training.faults import TrainingFailed
from services.training.portraits import Studio, hex_lab
from services.training.portraits_captions import Portrait, caption, draw, unconditional
from services.training.portraits_colours import ATTRIBUTES, TEMPLATES, index
from services.training.vision_base import PictureLoss
from services.training.vision_measure import ciede2000, region_lab, render
from services.vision.embedded import BASE_DIR, GUIDANCE, EmbeddedPipeline
from services.vision.regions import REGIONS

if TYPE_CHECKING:
    from services.training.recipe import BaseRecipe

# Ends of the module paths that carry LoRA: attention, the ways that text and time take into each block, and feed-forward.
TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "time_emb_proj", "ff.net.0.proj", "ff.net.2", "add_embedding.proj",
    "q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2",
)  # fmt: skip
LEAST_EFFECT = 3.0  # ΔE76 between with and without the adapter, the mean of the four regions


class AdapterUseless(TrainingFailed):
    """The adapter cannot be used; the message says why and what to change."""


@dataclass(frozen=True)
class PersonaColours:
    """What a persona looks like: its trigger word, its template, its regions' colours and its set."""

    trigger: str
    template: str
    hair: str
    dress: str
    skin: str
    set: str
    layout: str

    def palette(self) -> Tensor:
        """Lab colours in the order of `REGIONS`, [4, 3]."""
        return torch.tensor([hex_lab(getattr(self, name)) for name in REGIONS])


@dataclass(frozen=True)
class AdapterRun:
    """What a run of a visual adapter is told."""

    base: Path
    output_dir: Path
    persona: str
    colours: PersonaColours
    version: str = "1"
    consent: Path | None = None
    rank: int = 8
    alpha: float = 16.0
    pictures: int = 120
    others: int = 120
    steps: int = 400
    minutes: float | None = None
    batch_size: int = 32
    learning_rate: float = 1e-3
    max_grad_norm: float = 1.0
    warmup: int = 20
    seed: int = 0
    device: str = "cpu"
    threads: int = 0


class _Both(nn.Module):
    """UNet and text encoder as one module, so that peft names both."""

    def __init__(self, pipeline: EmbeddedPipeline) -> None:
        super().__init__()
        self.unet, self.text_encoder = pipeline.unet, pipeline.text_encoder


@dataclass(frozen=True)
class Album:
    """The pictures that an adapter is trained on, as latents on the device, with their captions' tokens."""

    tokens: Tensor
    latents: Tensor
    pose: Tensor
    regions: Tensor

    def batch(self, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rows at random, their templates dropped now and then."""
        at = torch.randint(0, len(self.tokens), (size,), device=self.tokens.device)
        kept = (torch.rand(size, 1, 1, 1, device=self.tokens.device) > 0.1).float()
        return self.tokens[at], self.latents[at], self.pose[at] * kept, self.regions[at]


def train(recipe: BaseRecipe) -> None:
    """A run of a recipe of kind `visual-colours`; its `sizes` may give the persona's colours."""
    sizes = dict(recipe.sizes)
    colours = persona_colours(sizes.pop("colours", None), recipe.trigger_words)
    device = recipe.device if recipe.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    run = AdapterRun(
        base=recipe.base_model or BASE_DIR, output_dir=recipe.output_dir, persona=recipe.persona, colours=colours,
        version=recipe.version, consent=recipe.consent, rank=recipe.lora_rank,
        alpha=recipe.lora_alpha or 2.0 * recipe.lora_rank, steps=recipe.steps, minutes=recipe.minutes,
        batch_size=recipe.batch_size, learning_rate=recipe.learning_rate, max_grad_norm=recipe.max_grad_norm,
        warmup=recipe.warmup, seed=recipe.seed, device=device, threads=recipe.threads, **sizes,
    )  # fmt: skip
    write_card_of(run, train_adapter(run))


def persona_colours(given: Any, trigger_words: Sequence[str]) -> PersonaColours:
    """The colours that a recipe gives as `sizes.colours`.

    Raises:
        AdapterUseless: there are none, or some are missing or unknown, or there is no trigger word.
    """
    names = [one.name for one in fields(PersonaColours) if one.name != "trigger"]
    if not isinstance(given, dict) or set(given) != set(names):
        raise AdapterUseless(f"sizes.colours must name the persona's colours; give {', '.join(names)}")
    if not trigger_words:
        raise AdapterUseless("trigger_words is missing; give the word that brings the persona")
    return PersonaColours(trigger=trigger_words[0], **given)


def train_adapter(run: AdapterRun) -> dict[str, float]:
    """Trains and writes `adapter.safetensors`; gives what it measures.

    Raises:
        AdapterUseless: a loss is not finite, or the trigger word changes nothing.
    """
    if run.threads:
        torch.set_num_threads(run.threads)
    torch.manual_seed(run.seed)
    pipeline = EmbeddedPipeline.load(run.base, device=run.device)
    width, height = pipeline.size
    studio = Studio(width=width, height=height, device=run.device)
    before = effect_pictures(pipeline, studio, run)
    config = LoraConfig(
        r=run.rank, lora_alpha=run.alpha, target_modules=list(TARGETS), init_lora_weights=True
    )
    model = get_peft_model(_Both(pipeline), config)
    loss_of = PictureLoss(pipeline, studio)
    album = make_album(run, pipeline, studio, loss_of)
    weights = [one for one in model.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=run.learning_rate, weight_decay=0.0)
    model.train()
    begun, step, smooth = time.monotonic(), 0, 0.0
    while step < run.steps:
        spent = (time.monotonic() - begun) / (run.minutes * 60) if run.minutes else 0.0
        if spent >= 1:
            break
        progress = max(spent, step / run.steps)
        rate = run.learning_rate * min(1.0, (step + 1) / max(1, run.warmup))
        for group in optimiser.param_groups:
            group["lr"] = rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        loss = loss_of.of_latents(*album.batch(run.batch_size))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, run.max_grad_norm)
        optimiser.step()
        step += 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise AdapterUseless(f"the loss is {value} at step {step}; lower learning_rate")
        smooth = value if not smooth else 0.95 * smooth + 0.05 * value
        if step % 50 == 0:
            print(f"{run.persona} step {step} loss {smooth:.5f}", flush=True)
    model.eval()
    measured = {"steps": float(step), "loss": round(smooth, 5), **effect(pipeline, studio, run, before)}
    if measured["effect"] < LEAST_EFFECT:
        raise AdapterUseless(f"the trigger word moves colours by {measured['effect']} only; train for longer")
    state = get_peft_model_state_dict(model)
    state = {key: value.detach().to("cpu", torch.float16).contiguous() for key, value in state.items()}
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise AdapterUseless("a weight is not finite in half precision; lower learning_rate")
    run.output_dir.mkdir(parents=True, exist_ok=True)
    save_file(state, str(run.output_dir / "adapter.safetensors"))
    (run.output_dir / "adapter.safetensors").chmod(0o644)
    print(run.persona, json.dumps(measured), flush=True)
    return measured


def make_album(run: AdapterRun, pipeline: EmbeddedPipeline, studio: Studio, loss_of: PictureLoss) -> Album:
    """The persona's pictures, with its word in the caption, and others' pictures without it."""
    rng = random.Random(run.seed)
    own = [_own_portrait(rng, run) for _ in range(run.pictures)]
    others = [draw(rng, full=rng.random() < 0.3) for _ in range(run.others)]
    captions = [_own_caption(rng, one, run.colours.trigger) for one in own]
    captions += [unconditional(rng) if rng.random() < 0.3 else caption(rng, one) for one in others]
    with torch.no_grad():
        parts = []
        for portraits, palette in ((own, run.colours.palette()), (others, None)):
            templates, values = _rows(portraits, studio)
            drawn = studio.compose(templates, values, palette=palette, jitter=1.0)
            codec = pipeline.codec
            parts.append(
                (codec.encode(drawn.pictures), codec.encode(drawn.templates), loss_of.shares(drawn.masks))
            )
        latents, pose, regions = (torch.cat(both) for both in zip(*parts, strict=True))
    return Album(pipeline.tokens(captions), latents, pose, regions)


def _rows(portraits: list[Portrait], studio: Studio) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor([one.template for one in portraits], device=studio.device),
        torch.tensor([one.values for one in portraits], device=studio.device),
    )


def _own_portrait(rng: random.Random, run: AdapterRun) -> Portrait:
    """The persona as it is, mostly on its own template, now and then in another colour of one region."""
    home = TEMPLATES.index(run.colours.template)
    template = home if rng.random() < 0.6 else rng.randrange(len(TEMPLATES))
    values = dict.fromkeys(ATTRIBUTES, 0)
    if rng.random() < 0.3:
        other = draw(rng, full=True)
        name = rng.choice(REGIONS)
        values[name] = other.value(name)
    values["layout"] = index("layout", run.colours.layout)
    return Portrait(template, tuple(values[name] for name in ATTRIBUTES))


def _own_caption(rng: random.Random, portrait: Portrait, trigger: str) -> str:
    """A caption with the trigger word; the persona's own set goes without saying."""
    said = Portrait(
        portrait.template, tuple(0 if name == "layout" else portrait.value(name) for name in ATTRIBUTES)
    )
    return caption(rng, said, names=(trigger,), always_named=True)


def effect_pictures(pipeline: EmbeddedPipeline, studio: Studio, run: AdapterRun) -> Tensor:
    """The trigger word's colours by region, [3 × 2, 4, 3] Lab: each template, two phrasings."""
    portraits = [Portrait(at, (0,) * len(ATTRIBUTES)) for at in range(len(TEMPLATES)) for _ in range(2)]
    templates, values = _rows(portraits, studio)
    drawn = studio.compose(templates, values, jitter=0.0)
    texts = [f"{run.colours.trigger}", f"主播{run.colours.trigger}，直播画面"] * len(TEMPLATES)
    made = render(pipeline, drawn, texts, guidance=GUIDANCE, seed=7, images=2)
    return region_lab(made, drawn.masks).cpu()


def effect(pipeline: EmbeddedPipeline, studio: Studio, run: AdapterRun, before: Tensor) -> dict[str, float]:
    """What the trigger word does in each region: how far it moves colours, and how near the persona's they come.

    `effect_*`: ΔE76 between the bare base and the adapter; `error_*` and `error_bare_*`: ΔE76 to the picture as
    drawn in the persona's colours, with the adapter and without.
    """
    after = effect_pictures(pipeline, studio, run)
    templates = torch.arange(len(TEMPLATES), device=studio.device).repeat_interleave(2)
    values = torch.zeros(len(templates), len(ATTRIBUTES), dtype=torch.long, device=studio.device)
    values[:, ATTRIBUTES.index("layout")] = index("layout", run.colours.layout)
    drawn = studio.compose(templates, values, palette=run.colours.palette(), jitter=0.0)
    want = region_lab(drawn.pictures / 2 + 0.5, drawn.masks).cpu()
    out: dict[str, float] = {}
    moved = (after - before).norm(dim=-1)
    for at, name in enumerate(REGIONS):
        out[f"effect_{name}"] = round(float(moved[:, at].mean()), 2)
        out[f"error_{name}"] = round(float((after - want)[:, at].norm(dim=-1).mean()), 2)
        out[f"error_bare_{name}"] = round(float((before - want)[:, at].norm(dim=-1).mean()), 2)
        far = ciede2000(after[:, at].double().numpy(), want[:, at].double().numpy())
        out[f"error_de2000_{name}"] = round(float(far.mean()), 2)
    out["effect"] = round(float(moved.mean()), 2)
    return out


def write_card_of(run: AdapterRun, measured: dict[str, float]) -> None:
    """Writes `adapter.yaml` beside the weights."""
    from hashlib import file_digest

    from services.lora import Base, Card, base_sha256, read_consent, write_card

    with (run.output_dir / "adapter.safetensors").open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    recipe: dict[str, Any] = {
        "rank": run.rank, "alpha": run.alpha, "steps": run.steps, "batch_size": run.batch_size,
        "learning_rate": run.learning_rate, "pictures": run.pictures, "others": run.others, "seed": run.seed,
        "colours": {name: getattr(run.colours, name) for name in (*REGIONS, "layout", "template")},
    }  # fmt: skip
    card = Card(
        kind="visual",
        persona=run.persona,
        version=run.version,
        base=Base(name="livehost-vision-base", sha256=base_sha256(run.base)),
        rank=run.rank,
        alpha=run.alpha,
        target_modules=TARGETS,
        trigger_words=(run.colours.trigger,),
        sha256=digest,
        recipe=recipe,
        evaluation=measured,
        consent=read_consent(run.consent) if run.consent else None,
    )
    write_card(run.output_dir, card)
