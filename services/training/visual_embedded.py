"""The embedded base as one to train on: a picture is shown beside the posed template that it is drawn like.

An ordinary picture has no template. The nearest is the one whose lines lie where the picture's do; where none lies
there (a close-up, another pose), the picture is left out, since looks are only ever made on templates; if that would
leave hardly any, all are trained on without a template, as the base itself was for a part of its pictures. The template
also says which region is where, so that each region's colour binds. Beside the album some of the base's own portraits
are trained on, without the persona's word, so that other captions keep their meaning; and some with it, in the colours
that the album's regions have, on the templates that the album does not show.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from services.avatar.looks import builtin_look
from services.training.buckets import Bucket
from services.training.faults import TrainingFailed
from services.training.pictures import PreparedPicture
from services.training.portraits import Studio, to_lab
from services.training.portraits_captions import Portrait, caption, draw, unconditional
from services.training.portraits_colours import ATTRIBUTES, TEMPLATES
from services.training.precision import Precision
from services.training.vision_measure import region_lab
from services.training.visual_bases import Extra, Pixels, Rows
from services.training.visual_noise import Prediction
from services.vision.embedded import BaseUnusable, EmbeddedPipeline
from services.vision.judge import judge_generated
from services.vision.painter_embedded import EmbeddedPainter
from services.vision.template import read_template

# Attention, the ways that text and time take into each block, and feed-forward.
TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "time_emb_proj", "ff.net.0.proj", "ff.net.2", "add_embedding.proj",
    "q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2",
)  # fmt: skip
LEAST_LIKENESS = 0.45  # of lines; whole drawn portraits reach 0.6 and more, close-ups 0.25
TEMPLATE_DROP = 0.1
RESTYLED, RESTYLES = 0.5, 16  # share of rows, and how many colourings of each template there are
REGION_WEIGHT = 2.0
LATE_SHARE, LATE_FROM = 0.6, 0.85  # rows from the schedule's noisy end, where colours are decided
OTHERS_SHARE, AWAY_SHARE = 0.4, 0.4  # portraits of others, and of the persona elsewhere, to each picture
OTHERS_WISHLESS = 0.3
SAMPLES = 4
LEAST_POSED = 8  # with fewer pictures that have a template, all are learned, without one


class EmbeddedBase:
    """The embedded pipeline, frozen."""

    def __init__(self, pipeline: EmbeddedPipeline, folder: Path, name: str, precision: Precision) -> None:
        self._pipe, self._precision = pipeline, precision
        self.folder, self.name = folder, name
        self.trains_text, self.text_format, self.at_once = True, "float32", 32
        self.samples = SAMPLES
        self.prediction: Prediction = pipeline.scheduler.config.prediction_type
        self.signal = pipeline.scheduler.alphas_cumprod.to(precision.device)
        layers = [path for module in self.modules.values() for path, _ in module.named_modules()]
        self.targets = tuple(one for one in TARGETS if any(f".{path}".endswith(f".{one}") for path in layers))
        self._home: Counter[int] = Counter()

    @classmethod
    def load(cls, folder: Path, name: str, precision: Precision) -> Self:
        """Reads the base's directory, in float32: it is small.

        Raises:
            TrainingFailed: it cannot be loaded.
        """
        try:
            pipeline = EmbeddedPipeline.load(folder, device=str(precision.device))
        except BaseUnusable as error:
            raise TrainingFailed(str(error)) from error
        pipeline.set_progress_bar_config(disable=True)
        return cls(pipeline, folder, name, precision)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """UNet and text encoder."""
        return self._pipe.bankable_modules()

    def buckets(self, resolution: tuple[int, int] | None) -> tuple[Bucket, ...]:
        """The one size that the base draws at."""
        width, height = self._pipe.size
        if resolution not in (None, (width, height)):
            assert resolution is not None
            raise TrainingFailed(
                f"内置视觉底座只画 {width}×{height}，不是 {resolution[0]}×{resolution[1]} / the embedded base draws at "
                f"{width}×{height} only",
                "去掉 resolution，图片会自动裁剪缩放 / leave resolution out: pictures are cropped and resized",
            )
        return (Bucket(width, height),)

    @torch.no_grad()
    def see(self, pictures: Sequence[PreparedPicture]) -> list[dict[str, Tensor]]:
        """`latents` of each; `pose`, the latents of its template, zeros where it has none; `regions`, each region's
        share of each latent [4, h, w]; `template`, its number or −1; `colours`, its regions' mean Lab [4, 3]."""
        pixels = torch.from_numpy(np.stack([one.pixels() for one in pictures])).permute(0, 3, 1, 2)
        shown = (pixels.float() / 255).to(self._precision.device)
        latents = self._pipe.codec.encode(shown * 2 - 1).cpu()
        nearest = self._nearest(shown)
        colours = region_lab(shown, self._studio.weights[nearest, :4]).cpu()
        return [
            {"latents": one, "colours": colour, **self._templates[at]}
            for one, colour, at in zip(latents, colours, nearest, strict=True)
        ]

    def read(self, captions: Sequence[str]) -> list[dict[str, Tensor]]:
        """`hidden` of each caption."""
        with torch.no_grad():
            hidden = self.words(captions)["hidden"].cpu()
        return [{"hidden": one} for one in hidden]

    def words(self, captions: Sequence[str]) -> Rows:
        """The text encoder's last hidden states."""
        return {"hidden": self._pipe.text_encoder(self._pipe.tokens(captions)).last_hidden_state}

    def learns(self, album: Sequence[Mapping[str, Tensor]]) -> list[bool]:
        """The pictures that have a template, unless they are very few: looks are only ever made on templates."""
        posed = [int(one["template"]) >= 0 for one in album]
        return posed if sum(posed) >= LEAST_POSED else [True] * len(posed)

    def extras(
        self, album: Sequence[Mapping[str, Tensor]], trigger_words: Sequence[str], seed: int
    ) -> list[Extra]:
        """Portraits drawn at random and captioned without a name; and the persona on the templates that the album does
        not show, in the middle colours of its pictures, with its word alone."""
        rng = random.Random(seed)
        count = round(len(album) * OTHERS_SHARE)
        others = [draw(rng, full=rng.random() < OTHERS_WISHLESS) for _ in range(count)]
        captions = [
            unconditional(rng) if rng.random() < OTHERS_WISHLESS else caption(rng, one) for one in others
        ]
        made = self._drawn(others, captions, seed, None)
        posed = [one for one in album if int(one["template"]) >= 0]
        if posed and trigger_words:
            home = Counter(int(one["template"]) for one in posed).most_common(1)[0][0]
            away = [at for at in range(len(TEMPLATES)) if at != home]
            plain = (0,) * len(ATTRIBUTES)
            own = [Portrait(away[at % len(away)], plain) for at in range(round(len(album) * AWAY_SHARE))]
            said = [caption(rng, one, names=tuple(trigger_words), always_named=True) for one in own]
            palette = torch.stack([one["colours"] for one in posed]).median(0).values
            made += self._drawn(own, said, seed + 1, palette)
        return made

    @torch.no_grad()
    def _drawn(
        self, portraits: Sequence[Portrait], captions: Sequence[str], seed: int, palette: Tensor | None
    ) -> list[Extra]:
        if not portraits:
            return []
        device = self._precision.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = self._studio.compose(
                torch.tensor([one.template for one in portraits], device=device),
                torch.tensor([one.values for one in portraits], device=device),
                palette=palette,
                jitter=1.0,
            )
        latents = self._pipe.codec.encode(drawn.pictures).cpu()
        return [
            Extra(text, {"latents": one, **self._templates[portrait.template]})
            for text, one, portrait in zip(captions, latents, portraits, strict=True)
        ]

    def latents(self, seen: Rows) -> Tensor:
        """The codec's latents: it is exact."""
        return seen["latents"]

    def vary(self, seen: Rows) -> Rows:
        """Templates in other colours for half of the rows, and none for a few: a colour that the template has by
        itself would be copied from it, and the persona's word would not come to mean it."""
        pose, at = seen["pose"], seen["template"]
        count, device = len(pose), pose.device
        other = self._restyled[at.clamp(min=0), torch.randint(0, RESTYLES, (count,), device=device)]
        swapped = (torch.rand(count, device=device) < RESTYLED) & (at >= 0)
        kept = torch.rand(count, device=device) >= TEMPLATE_DROP
        pose = torch.where(swapped[:, None, None, None], other, pose) * kept[:, None, None, None]
        return {**seen, "pose": pose}

    def times(self, count: int) -> Tensor:
        """Noise levels, some more from the noisy end."""
        steps, device = len(self.signal), self.signal.device
        anywhere = torch.randint(0, steps, (count,), device=device)
        late = torch.randint(int(steps * LATE_FROM), steps, (count,), device=device)
        return torch.where(torch.rand(count, device=device) < LATE_SHARE, late, anywhere)

    def predict(self, noisy: Tensor, times: Tensor, words: Rows, seen: Rows) -> Tensor:
        """The velocity of latents beside their template's."""
        out: Tensor = self._pipe.unet(
            torch.cat([noisy, seen["pose"]], 1), times, encoder_hidden_states=words["hidden"]
        ).sample
        return out.float()

    def also(self, error: Tensor, times: Tensor, seen: Rows) -> Tensor | None:
        """The error of each region's mean, which is what binds its colour; the noisier the more."""
        of_region = torch.einsum("nchw,nrhw->nrc", error, seen["regions"])
        weight = (1 - self.signal[times])[:, None, None]
        return REGION_WEIGHT * (of_region.square() * weight).mean()

    def settle(self, album: Sequence[Mapping[str, Tensor]], *, text: bool) -> None:
        """Everything stays: the base is small. The album says on which template samples are painted."""
        self._home = Counter(at for one in album if (at := int(one["template"])) >= 0)

    @torch.no_grad()
    def paint(self, prompts: Sequence[str], seeds: Sequence[int], size: Bucket) -> list[Pixels]:
        """Sample pictures on the template that most of the album is drawn like."""
        shown = self._studio.plain[self._at_home].permute(1, 2, 0).cpu().numpy()
        made = self._pipe.generate(templates=shown, prompts=prompts, seeds=seeds)
        return [np.ascontiguousarray((one * 255).round().astype(np.uint8)) for one in made]

    def faults(self, pictures: Sequence[Pixels]) -> list[str]:
        """What the engine's own judge says of the faces, each sentence once."""
        template = read_template(builtin_look(TEMPLATES[self._at_home]))
        plain = self._studio.plain[self._at_home].permute(1, 2, 0).cpu().numpy()
        found: Counter[str] = Counter()
        for one in pictures:
            verdict = judge_generated(
                one[None].astype(np.float32) / 255, plain, template, face_least=EmbeddedPainter.face_least
            )
            found.update(
                {"脸崩：脸离开了模板 / the face left the template" if "face" in fault else fault.split(" (")[0]
                 for fault in verdict.faults}
            )  # fmt: skip
        return [f"{fault} ({count}/{len(pictures)})" for fault, count in found.items()]

    @property
    def _at_home(self) -> int:
        return self._home.most_common(1)[0][0] if self._home else 0

    @cached_property
    def _studio(self) -> Studio:
        width, height = self._pipe.size
        return Studio(width=width, height=height, device=str(self._precision.device))

    @cached_property
    def _templates(self) -> dict[int, dict[str, Tensor]]:
        """What goes with a picture of each template, and (−1) with one of none."""
        with torch.no_grad():
            pose = self._pipe.codec.encode(self._studio.plain * 2 - 1).cpu()
        regions = F.avg_pool2d(self._studio.weights[:, :4], self._pipe.codec.block).cpu()
        regions = regions / regions.sum((-1, -2), keepdim=True).clamp(min=1e-6)
        found = {
            at: {"pose": pose[at], "regions": regions[at], "template": torch.tensor(at)}
            for at in range(len(TEMPLATES))
        }
        none = {name: torch.zeros_like(value) for name, value in found[0].items()}
        return {**found, -1: {**none, "template": torch.tensor(-1)}}

    @cached_property
    def _restyled(self) -> Tensor:
        """The latents of each template in other colours, [templates, RESTYLES, C, h, w]; always the same."""
        numbers = torch.arange(len(TEMPLATES), device=self._precision.device).repeat_interleave(RESTYLES)
        nothing = torch.zeros(len(numbers), len(ATTRIBUTES), dtype=torch.long, device=numbers.device)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            shown = self._studio.compose(numbers, nothing, restyle=1.0).templates
            return self._pipe.codec.encode(shown).unflatten(0, (len(TEMPLATES), RESTYLES))

    def _nearest(self, pictures: Tensor) -> list[int]:
        """The number of each picture's template, −1 where its lines lie nowhere near one's; pictures 0..1 [N, 3, H, W]."""
        lines = _lines(pictures)
        likeness = []
        for at in range(len(TEMPLATES)):
            host = 1 - self._studio.weights[at, 3]  # the set behind may be any
            likeness.append(_alike(lines, _lines(self._studio.plain[at][None]), host))
        best, at = torch.stack(likeness, 1).max(1)
        return [int(one) for one in torch.where(best >= LEAST_LIKENESS, at, -1)]


def _lines(pictures: Tensor) -> Tensor:
    """How strongly a picture's lightness changes at each place, [N, H, W]: lines, whatever the colours are. They are
    blurred, so that a picture may be cropped a few pixels otherwise."""
    light = F.avg_pool2d(to_lab(pictures)[:, :1], 3, 1, 1)[:, 0]
    down, across = torch.gradient(light, dim=(1, 2))
    strength = (down.square() + across.square()).sqrt().clamp(max=8)
    return F.avg_pool2d(strength[:, None], 5, 1, 2)[:, 0]


def _alike(one: Tensor, two: Tensor, weight: Tensor) -> Tensor:
    """The correlation of pictures [N, H, W] with one [1, H, W] where it weighs [H, W], −1..1."""
    mass = weight.sum().clamp(min=1e-6)
    one = one - ((one * weight).sum((-1, -2)) / mass)[:, None, None]
    two = two - ((two * weight).sum((-1, -2)) / mass)[:, None, None]
    both = (one * two * weight).sum((-1, -2))
    power = (one.square() * weight).sum((-1, -2)) * (two.square() * weight).sum((-1, -2))
    return both / power.sqrt().clamp(min=1e-6)
