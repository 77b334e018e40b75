"""Trains the embedded vision base: codec, text encoder's warm-up, then the picture model, on portraits without end.

    python -m services.training.vision_base --output services/vision/base --minutes 6 --device cuda

TrainingStopped   the numbers went wrong; nothing is written over the last good weights
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from services.training.faults import TrainingFailed
from services.training.portraits import Studio
from services.training.portraits_captions import Pool, pool
from services.training.portraits_colours import ATTRIBUTES, VALUES
from services.training.vision_parts import BaseRun, base_parts, idle_names, save_parts
from services.vision.embedded import EmbeddedPipeline

if TYPE_CHECKING:
    from services.training.recipe import BaseRecipe

TEMPLATE_DROP = 0.3
RESTYLE = 0.2
EMA_DECAY = 0.999
REGION_WEIGHT = 2.0
FRESH_EVERY = 4  # a portrait is trained on about as many times
REEL_BATCHES = 16
LEAST_TURNS = 2  # of a stretch that has no time


class TrainingStopped(TrainingFailed):
    """Training cannot go on; the message says why and what to change."""


class Corpus:
    """Captions as tokens with what they ask for, on the training device."""

    def __init__(self, source: Pool, pipeline: EmbeddedPipeline, device: torch.device) -> None:
        ids = [
            pipeline.tokens(source.captions[at : at + 20_000])
            for at in range(0, len(source.captions), 20_000)
        ]
        self.tokens = torch.cat(ids).to(device)
        self.templates = torch.from_numpy(source.templates).to(device)
        self.values = torch.from_numpy(source.values).to(device)
        self.wished = torch.from_numpy(source.wished).to(device)

    def batch(self, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rows at random: tokens, templates, values, wished."""
        at = torch.randint(0, len(self.tokens), (size,), device=self.tokens.device)
        return self.tokens[at], self.templates[at], self.values[at], self.wished[at]


def train(recipe: BaseRecipe) -> None:
    """A run of a recipe of kind `vision-base`."""
    sizes = dict(recipe.sizes)
    if "blocks" in sizes:
        sizes["blocks"] = tuple(sizes["blocks"])
    device = recipe.device if recipe.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    train_base(
        BaseRun(
            output_dir=recipe.output_dir, minutes=recipe.minutes, steps=recipe.steps, batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate, warmup=recipe.warmup, max_grad_norm=recipe.max_grad_norm,
            seed=recipe.seed, device=device, threads=recipe.threads, resume=recipe.resume, **sizes,
        )
    )  # fmt: skip


def train_base(run: BaseRun) -> EmbeddedPipeline:
    """The whole run: writes the pipeline's directory, `measures.json` and `sheet.jpg`.

    Raises:
        TrainingStopped: a loss is not finite.
    """
    from services.training.vision_measure import contact_sheet, measure

    if run.threads:
        torch.set_num_threads(run.threads)
    torch.manual_seed(run.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    begun = time.monotonic()
    pipeline = base_parts(run)
    device = torch.device(run.device)
    studio = Studio(width=run.width, height=run.height, device=run.device)
    names = idle_names(random.Random(run.seed))
    corpus = Corpus(pool(run.captions, seed=run.seed, names=names), pipeline, device)
    _say(begun, "captions", len(corpus.tokens))
    losses: dict[str, float] = {}
    if run.resume and (run.output_dir / "measures.json").is_file():
        before = json.loads((run.output_dir / "measures.json").read_text(encoding="utf-8"))
        kept = ("codec_db", "text_accuracy", "steps", "trained_on", "seconds")
        losses = {
            f"before_{name}" if name in kept[2:] else name: before[name] for name in kept if name in before
        }
    if not run.resume:
        losses["codec_db"] = train_codec(run, pipeline, studio, corpus)
        _say(begun, "codec dB", losses["codec_db"])
        losses["text_accuracy"] = warm_text(run, pipeline, corpus)
        _say(begun, "text accuracy", losses["text_accuracy"])
    steps, losses["loss"] = train_pictures(run, pipeline, studio, corpus, begun)
    for part in (pipeline.text_encoder, pipeline.unet, pipeline.codec):
        part.eval().requires_grad_(False)
    save_parts(pipeline, run.output_dir)
    measured = measure(pipeline, studio, count=run.measured, seed=run.seed + 1)
    report = {
        "steps": steps, "trained_on": steps * run.batch_size, "seconds": round(time.monotonic() - begun, 1),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu", **losses, **measured,
    }  # fmt: skip
    (run.output_dir / "measures.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    contact_sheet(pipeline, studio, run.output_dir / "sheet.jpg", seed=run.seed + 2)
    _say(begun, "measures", json.dumps(report))
    return pipeline


def _say(begun: float, what: str, value: object) -> None:
    print(f"{time.monotonic() - begun:7.1f} s  {what}: {value}", flush=True)


def _while(seconds: float) -> Iterator[float]:
    """Progress 0..1 of a stretch of time, at least twice."""
    begun, turn = time.monotonic(), 0
    while turn < LEAST_TURNS or time.monotonic() - begun < seconds:
        yield min(1.0, (time.monotonic() - begun) / max(seconds, 1e-6))
        turn += 1


def train_codec(run: BaseRun, pipeline: EmbeddedPipeline, studio: Studio, corpus: Corpus) -> float:
    """Fits the components, then trains the residual decoder; gives its peak signal to noise, dB."""
    codec, size = pipeline.codec, min(run.batch_size, 128)

    def pictures() -> Tensor:
        _, templates, values, _ = corpus.batch(size)
        return studio.compose(templates, values).pictures

    with torch.no_grad():
        codec.fit(torch.cat([pictures() for _ in range(max(1, 512 // size))]))
    optimiser = torch.optim.AdamW(codec.residual.parameters(), lr=2e-3)
    error = torch.zeros(())
    for progress in _while(run.codec_seconds):
        optimiser.param_groups[0]["lr"] = 2e-3 * (0.05 + 0.95 * (1 - progress))
        with torch.no_grad():
            shown = pictures()
            latents = codec.encode(shown)
            # The picture model's latents are never exact.
            latents = latents + torch.randn_like(latents) * 0.02
        error = F.mse_loss(codec.decode(latents), shown)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    codec.requires_grad_(False)
    return round(10 * math.log10(4 / max(1e-9, float(error.detach()))), 2)


def warm_text(run: BaseRun, pipeline: EmbeddedPipeline, corpus: Corpus) -> float:
    """Teaches the text encoder to tell captions' attributes; gives the share of attributes that it tells."""
    encoder = pipeline.text_encoder
    heads = nn.ModuleList(
        nn.Linear(encoder.config.hidden_size, len(VALUES[name]) + 1) for name in ATTRIBUTES
    ).to(run.device)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=1e-3, weight_decay=0.01)
    right = 0.0
    for progress in _while(run.text_seconds):
        optimiser.param_groups[0]["lr"] = 1.2e-3 * (0.05 + 0.95 * (1 - progress))
        tokens, _, values, wished = corpus.batch(min(1024, run.batch_size * 2))
        values = values * wished[:, None]
        pooled = encoder(tokens).pooler_output
        scores = [head(pooled) for head in heads]
        loss = torch.stack([F.cross_entropy(one, values[:, at]) for at, one in enumerate(scores)]).sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        hits = torch.stack([one.argmax(1) == values[:, at] for at, one in enumerate(scores)]).float().mean()
        right = 0.9 * right + 0.1 * float(hits) if right else float(hits)
    return round(right, 4)


class Average:
    """A running average of weights."""

    def __init__(self, parts: tuple[nn.Module, ...]) -> None:
        self.parts = parts
        self.kept = [copy.deepcopy(part).requires_grad_(False) for part in parts]
        self.turn = 0

    @torch.no_grad()
    def take(self) -> None:
        """Moves the average towards the weights as they are."""
        self.turn += 1
        decay = min(EMA_DECAY, (1 + self.turn) / (10 + self.turn))
        for mean, part in zip(self.kept, self.parts, strict=True):
            torch._foreach_lerp_(list(mean.parameters()), list(part.parameters()), 1 - decay)

    def put(self) -> None:
        """Writes the average into the parts."""
        for mean, part in zip(self.kept, self.parts, strict=True):
            part.load_state_dict(mean.state_dict())


def train_pictures(
    run: BaseRun, pipeline: EmbeddedPipeline, studio: Studio, corpus: Corpus, begun: float
) -> tuple[int, float]:
    """Trains UNet and text encoder together; gives the steps made and the last loss."""
    unet, encoder = pipeline.unet, pipeline.text_encoder
    device = torch.device(run.device)
    groups = [
        {"params": list(unet.parameters()), "lr": 0.0, "share": 1.0},
        {"params": list(encoder.parameters()), "lr": 0.0, "share": 0.2},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.99), fused=device.type == "cuda")
    average = Average((unet, encoder))
    loss_of = PictureLoss(pipeline, studio)
    reel = Reel(loss_of.draw(*corpus.batch(run.batch_size)[:3]), run.batch_size * REEL_BATCHES)
    fresh = max(1, run.batch_size // FRESH_EVERY)
    started, smooth, step = time.monotonic(), 0.0, 0
    while step < run.steps:
        spent = (time.monotonic() - started) / (run.minutes * 60) if run.minutes else 0.0
        if spent >= 1:
            break
        progress = max(spent, step / run.steps)
        rate = run.learning_rate * min(1.0, (step + 1) / max(1, run.warmup))
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]
        reel.add(loss_of.draw(*corpus.batch(fresh)[:3]))
        loss = loss_of.of_latents(*reel.batch(run.batch_size))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*unet.parameters(), *encoder.parameters()], run.max_grad_norm)
        optimiser.step()
        average.take()
        step += 1
        if step % run.log_every == 0 or step == 1:
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TrainingStopped(
                    f"the loss is {value} at step {step}; lower learning_rate and begin anew"
                )
            smooth = value if not smooth else 0.8 * smooth + 0.2 * value
            _say(begun, f"step {step} loss", round(smooth, 5))
    average.put()
    return step, round(smooth, 5)


class Reel:
    """The last portraits drawn, as latents: each is trained on a few times, at other moments and with other noise."""

    def __init__(self, first: tuple[Tensor, ...], size: int) -> None:
        self.size, self.at, self.filled = size, 0, 0
        self.kept = [torch.zeros(size, *one.shape[1:], dtype=one.dtype, device=one.device) for one in first]
        self.add(first)

    def add(self, rows: tuple[Tensor, ...]) -> None:
        """Takes rows in, over the oldest."""
        count = len(rows[0])
        where = (torch.arange(count, device=rows[0].device) + self.at) % self.size
        for kept, one in zip(self.kept, rows, strict=True):
            kept[where] = one
        self.at = (self.at + count) % self.size
        self.filled = min(self.size, self.filled + count)

    def batch(self, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rows at random: tokens, latents, the templates' latents (now and then none), the regions' shares."""
        at = torch.randint(0, self.filled, (size,), device=self.kept[0].device)
        tokens, latents, pose, regions = (one[at] for one in self.kept)
        shown = (torch.rand(size, 1, 1, 1, device=pose.device) >= TEMPLATE_DROP).float()
        return tokens, latents, pose * shown, regions


class PictureLoss:
    """The error of the predicted velocity, and of its mean in each region: colour binds by the second."""

    def __init__(self, pipeline: EmbeddedPipeline, studio: Studio) -> None:
        self.pipeline, self.studio = pipeline, studio
        self.signal = pipeline.scheduler.alphas_cumprod.to(pipeline.unet.device)

    @torch.no_grad()
    def draw(self, tokens: Tensor, templates: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        """Portraits drawn for rows of the corpus: tokens, latents, the templates' latents, the regions' shares."""
        codec = self.pipeline.codec
        drawn = self.studio.compose(templates, values, restyle=RESTYLE)
        latents, pose = codec.encode(drawn.pictures), codec.encode(drawn.templates)
        return tokens, latents, pose, self.shares(drawn.masks)

    def shares(self, masks: Tensor) -> Tensor:
        """Each region's share of each latent, summing to 1: [N, 4, h, w] from masks [N, 4, H, W]."""
        regions = F.avg_pool2d(masks, self.pipeline.codec.block)
        return regions / regions.sum((-1, -2), keepdim=True).clamp(min=1e-6)

    def of_latents(self, tokens: Tensor, latents: Tensor, pose: Tensor, regions: Tensor) -> Tensor:
        """The loss of one batch of latents [N, C, h, w] and their regions' shares."""
        device, n = tokens.device, len(latents)
        moments = self._moments(n, device)
        signal = self.signal[moments][:, None, None, None]
        noise = torch.randn_like(latents)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        velocity = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            hidden = self.pipeline.text_encoder(tokens).last_hidden_state
            shown = torch.cat([noisy, pose], 1)
            out = self.pipeline.unet(shown, moments, encoder_hidden_states=hidden).sample
        error = out.float() - velocity
        of_region = torch.einsum("nchw,nrhw->nrc", error, regions)
        weight = (1 - signal)[:, :, 0]
        loss: Tensor = error.square().mean() + REGION_WEIGHT * (of_region.square() * weight).mean()
        return loss

    @staticmethod
    def _moments(n: int, device: torch.device) -> Tensor:
        """Moments of the schedule; a quarter from its noisy end, where colours are decided."""
        anywhere = torch.randint(0, 1000, (n,), device=device)
        late = torch.randint(850, 1000, (n,), device=device)
        return torch.where(torch.rand(n, device=device) < 0.25, late, anywhere)


def main() -> None:
    """The command line, for a machine that has no recipe reader."""
    parser = argparse.ArgumentParser(prog="python -m services.training.vision_base", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--captions", type=int, default=200_000)
    parser.add_argument("--codec-seconds", type=float, default=25.0)
    parser.add_argument("--text-seconds", type=float, default=35.0)
    parser.add_argument("--measured", type=int, default=192)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--size", default="144x256", help="width and height, multiples of 8")
    parser.add_argument("--blocks", default="96,160", help="the UNet's widths")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    train_base(
        BaseRun(
            output_dir=options.output, minutes=options.minutes, steps=options.steps, batch_size=options.batch,
            device=options.device, threads=options.threads, captions=options.captions, resume=options.resume,
            codec_seconds=options.codec_seconds, text_seconds=options.text_seconds, measured=options.measured,
            learning_rate=options.rate, width=width, height=height, blocks=tuple(map(int, options.blocks.split(","))),
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
