"""How well the vision base keeps to a caption: the colour error of each region, and a sheet to look at.

python -m services.training.vision_measure --base services/vision/base --count 96 --sheet sheet.jpg
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.training.portraits import Drawn, Studio, to_lab
from services.training.portraits_captions import Portrait, caption, draw
from services.vision.embedded import BASE_DIR, GUIDANCE, STEPS, EmbeddedPipeline
from services.vision.regions import REGIONS

BATCH = 64
GUIDANCES = (1.0, 1.5, 2.0)
COLUMNS, ROWS = 12, 2  # of a contact sheet


def region_lab(pictures: Tensor, masks: Tensor) -> Tensor:
    """The mean Lab colour of each region, [N, 4, 3]: pictures 0..1 [N, 3, H, W], masks [N, 4, H, W]."""
    lab = to_lab(pictures)
    sums = torch.einsum("nchw,nrhw->nrc", lab, masks)
    return sums / masks.sum((-1, -2)).clamp(min=1e-6)[..., None]


def ciede2000(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """The CIEDE2000 difference of Lab colours, [..., 3] each."""
    l1, a1, b1 = np.moveaxis(one, -1, 0)
    l2, a2, b2 = np.moveaxis(two, -1, 0)
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    grow = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    c1, c2 = np.hypot(a1 * grow, b1), np.hypot(a2 * grow, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1 * grow)) % 360, np.degrees(np.arctan2(b2, a2 * grow)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    grey = c1 * c2 == 0
    d_h = np.where(grey, 0, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(grey, h1 + h2, (h1 + turn / 2) % 360)
    angle = np.radians(mean_h)
    t = (
        1 - 0.17 * np.cos(angle - np.pi / 6) + 0.24 * np.cos(2 * angle)
        + 0.32 * np.cos(3 * angle + np.radians(6)) - 0.2 * np.cos(4 * angle - np.radians(63))
    )  # fmt: skip
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    twist = -np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    twist = twist * 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    light, sat, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, d_h / s_h
    return np.asarray(np.sqrt(np.maximum(0, light**2 + sat**2 + hue**2 + twist * sat * hue)), np.float64)


def _compose(studio: Studio, portraits: Sequence[Portrait]) -> Drawn:
    device = studio.device
    return studio.compose(
        torch.tensor([one.template for one in portraits], device=device),
        torch.tensor([one.values for one in portraits], device=device),
        jitter=0.0,
    )


def render(
    pipeline: EmbeddedPipeline,
    drawn: Drawn,
    captions: Sequence[str],
    *,
    guidance: float,
    seed: int,
    images: int = 1,
) -> Tensor:
    """The base's pictures for captions on the templates as drawn, averaged over `images` seeds, [N, 3, H, W] 0..1."""
    shown = (drawn.templates / 2 + 0.5).permute(0, 2, 3, 1).cpu().numpy()
    made = pipeline.generate(
        templates=list(shown), prompts=captions, seeds=range(seed, seed + len(captions)), guidance=guidance,
        steps=STEPS, images_per_prompt=images,
    )  # fmt: skip
    pictures = torch.from_numpy(made).permute(0, 3, 1, 2)
    return pictures.reshape(len(captions), images, *pictures.shape[1:]).mean(1).to(drawn.pictures.device)


def measure(pipeline: EmbeddedPipeline, studio: Studio, *, count: int, seed: int) -> dict[str, object]:
    """Colour errors by region on captions whose pairs of colours and whose phrasings were not trained on.

    `de76` and `de2000`: the mean difference between the region's mean colour as made and as drawn, where the caption
    names the region; `shuffled`: against another caption's drawing; `kept`: where the caption leaves it out.
    """
    rng = random.Random(seed)
    portraits = [draw(rng, unseen=True) for _ in range(count)]
    captions = [caption(rng, one, unseen=True) for one in portraits]
    named = np.array([[one.value(name) > 0 for name in REGIONS] for one in portraits])
    named[:, 3] |= np.array([one.value("layout") > 0 for one in portraits])
    out: dict[str, object] = {"captions": count, "steps_per_picture": STEPS}
    best = (1e9, GUIDANCE)
    for guidance in GUIDANCES:
        made, true = [], []
        for at in range(0, count, BATCH):
            drawn = _compose(studio, portraits[at : at + BATCH])
            pictures = render(pipeline, drawn, captions[at : at + BATCH], guidance=guidance, seed=seed + at)
            made.append(region_lab(pictures, drawn.masks).cpu())
            true.append(region_lab(drawn.pictures / 2 + 0.5, drawn.masks).cpu())
        got, want = torch.cat(made).double().numpy(), torch.cat(true).double().numpy()
        far = np.linalg.norm(got - want, axis=-1)
        report = {
            "de76": _means(far, named), "de2000": _means(ciede2000(got, want), named),
            "shuffled_de76": _means(np.linalg.norm(got - np.roll(want, 1, 0), axis=-1), named),
            "kept_de76": _means(far, ~named),
        }  # fmt: skip
        out[f"guidance_{guidance}"] = report
        best = min(best, (float(np.mean(list(report["de76"].values()))), guidance))
    out["best_guidance"] = best[1]
    return out


def _means(far: NDArray[np.float64], where: NDArray[np.bool_]) -> dict[str, float]:
    return {
        name: round(float(far[where[:, at], at].mean()), 2) if where[:, at].any() else 0.0
        for at, name in enumerate(REGIONS)
    }


def contact_sheet(pipeline: EmbeddedPipeline, studio: Studio, file: Path, *, seed: int) -> list[str]:
    """A picture of what unseen captions give: above as drawn, below as made; gives the captions."""
    rng = random.Random(seed)
    portraits = [draw(rng, unseen=True) for _ in range(COLUMNS * ROWS)]
    captions = [caption(rng, one, unseen=True) for one in portraits]
    drawn = _compose(studio, portraits)
    made = render(pipeline, drawn, captions, guidance=GUIDANCE, seed=seed)
    true = drawn.pictures / 2 + 0.5
    strips = []
    for at in range(0, len(captions), COLUMNS):
        for pictures in (true, made):
            strips.append(
                np.hstack([one.permute(1, 2, 0).cpu().numpy() for one in pictures[at : at + COLUMNS]])
            )
    picture = (np.clip(np.vstack(strips), 0, 1)[..., ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(file), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    file.with_suffix(".txt").write_text("\n".join(captions), encoding="utf-8")
    return captions


def main() -> None:
    """The command line: prints the measures of a base as JSON."""
    parser = argparse.ArgumentParser(prog="python -m services.training.vision_measure", description=__doc__)
    parser.add_argument("--base", type=Path, default=BASE_DIR)
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    pipeline = EmbeddedPipeline.load(options.base, device=options.device)
    width, height = pipeline.size
    studio = Studio(width=width, height=height, device=options.device)
    print(json.dumps(measure(pipeline, studio, count=options.count, seed=options.seed), indent=1))
    if options.sheet:
        contact_sheet(pipeline, studio, options.sheet, seed=options.seed)


if __name__ == "__main__":
    main()
