"""Draws a persona's pictures with captions: an album to try the training on, from the drawn templates.

    python -m services.training.draw_album --persona tang-morning --count 150 --out build/tang-morning
    python -m services.training.draw_album --persona tang-morning --count 12 --held --out build/tang-morning-held

The colours stand in the persona's recipe (`sizes.colours`). Captions name what varies (shot, set, light, another
dress) and leave the persona's own colours to the trigger word, as one captions pictures for a LoRA.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import yaml
from PIL import Image, ImageEnhance

from services.training.portraits_colours import ATTRIBUTES, TEMPLATES, VALUES, index

if TYPE_CHECKING:
    from services.training.portraits import Studio

RECIPES = Path(__file__).parents[2] / "configs" / "train"
HEIGHT_PX = 1280
AT_ONCE = 4
HELD_SEEDS = 1_000_000  # from here on, those of albums to judge by
SHAPES = ((9, 16), (9, 16), (2, 3), (3, 4), (4, 5), (1, 1))
FACE_AT = (0.5, 0.33)  # of the templates' width and height
TABLE_FROM = 0.68  # below, products with lettering stand: no mirror there


class NoColours(Exception):
    """A persona's recipe says nothing of its colours; the message says where to put them."""


@dataclass(frozen=True)
class Shot:
    """How near the camera is: the part of the template's height that is seen, and the words for it."""

    seen: tuple[float, float]
    zh: tuple[str, ...]
    en: tuple[str, ...]


SHOTS = (
    Shot((0.84, 1.0), ("半身像", "正面半身", "坐在桌前"), ("half body portrait", "sitting at a table")),
    Shot(
        (0.7, 0.85), ("近景半身", "正面半身近景"), ("upper body portrait", "medium shot, facing the camera")
    ),
    Shot(
        (0.42, 0.55),
        ("脸部特写", "正脸特写", "头像特写"),
        ("close-up of the face", "head and shoulders, close-up"),
    ),
)
HAIR = {
    "morning": (("披肩直发", "齐肩长直发"), ("long straight hair",)),
    "evening": (("长卷发", "侧分卷发"), ("long wavy hair",)),
    "tangzhuang": (("高髻簪花", "古风发髻"), ("flowers in a high bun",)),
}
DRESS = {
    "morning": (("针织开衫", "居家开衫"), ("a knitted cardigan",)),
    "evening": (("丝绒长裙", "V 领长裙"), ("an evening dress",)),
    "tangzhuang": (("齐胸襦裙", "唐制襦裙"), ("a Tang hanfu",)),
}
LOOKS = (("微笑", "神情温柔", "看向镜头"), ("a gentle smile", "looking at the camera"))
PLAIN_LIGHT = (("自然光", "柔和的光"), ("soft light", "natural light"))


@dataclass(frozen=True)
class Colours:
    """A persona's trigger word, its template, its set, and its regions' colours in the order of `REGIONS`."""

    trigger: str
    template: str
    layout: str
    palette: tuple[str, ...]


@dataclass(frozen=True)
class Pose:
    """One picture to draw: template, attributes' numbers, shot, shape, tilt, mirror and caption."""

    template: str
    values: tuple[int, ...]
    shot: Shot
    shape: tuple[int, int]
    seed: int
    caption: str


def read_colours(recipe: Path) -> Colours:
    """What a persona's recipe says of its looks.

    Raises:
        NoColours: the recipe cannot be read or has no `sizes.colours`.
    """
    try:
        data = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise NoColours(f"{recipe} 读不了 / cannot be read ({error}); name a persona's recipe") from error
    colours: Any = (data.get("sizes") or {}).get("colours") if isinstance(data, Mapping) else None
    wanted = {"template", "layout", "hair", "dress", "skin", "set"}
    if not isinstance(colours, Mapping) or not wanted <= set(colours):
        raise NoColours(
            f"{recipe} 没有写全 sizes.colours / lacks sizes.colours; give {', '.join(sorted(wanted))}"
        )
    words = data.get("trigger_words") or [data.get("persona") or recipe.stem]
    palette = tuple(str(colours[name]) for name in ("hair", "dress", "skin", "set"))
    return Colours(str(words[0]), str(colours["template"]), str(colours["layout"]), palette)


def poses(colours: Colours, count: int, *, seed: int = 0) -> list[Pose]:
    """Pictures to draw, each with its caption: mostly the persona at home, now and then in other clothes or places."""
    rng = random.Random(seed)
    return [_pose(rng, colours) for _ in range(count)]


def _pose(rng: random.Random, colours: Colours) -> Pose:
    template = colours.template if rng.random() < 0.7 else rng.choice(TEMPLATES)
    values = dict.fromkeys(ATTRIBUTES, 0)
    values["layout"] = index("layout", colours.layout)
    if rng.random() < 0.25:
        values["layout"] = rng.randrange(1, len(VALUES["layout"]) + 1)
    if rng.random() < 0.2:
        values["dress"] = rng.randrange(1, len(VALUES["dress"]) + 1)
    if rng.random() < 0.4:
        values["light"] = rng.randrange(1, len(VALUES["light"]) + 1)
    shot = rng.choice((SHOTS[0], SHOTS[0], SHOTS[1], SHOTS[2]))
    caption = _caption(rng, colours, template, values, shot)
    shape = (9, 16) if shot is SHOTS[0] else rng.choice(SHAPES)
    numbers = tuple(values[name] for name in ATTRIBUTES)
    return Pose(template, numbers, shot, shape, rng.randrange(1 << 30), caption)


def _caption(
    rng: random.Random, colours: Colours, template: str, values: Mapping[str, int], shot: Shot
) -> str:
    chinese = rng.random() < 0.75
    at = 0 if chinese else 1

    def word(attribute: str) -> str:
        named = VALUES[attribute][values[attribute] - 1]
        return rng.choice(named.zh if chinese else named.en)

    dress = rng.choice(DRESS[template][at])
    if values["dress"]:
        dress = f"{word('dress')}{dress}" if chinese else f"{word('dress')} {dress.partition(' ')[2]}"
    light = word("light") if values["light"] else rng.choice(PLAIN_LIGHT[at])
    shown = rng.choice(shot.zh if chinese else shot.en)
    parts = [rng.choice(HAIR[template][at]), dress, rng.choice(LOOKS[at]), word("layout"), light]
    rng.shuffle(parts)
    return ("，" if chinese else ", ").join([colours.trigger, shown, *parts])


def draw(studio: Studio, colours: Colours, wanted: Sequence[Pose]) -> Iterator[Image.Image]:
    """The pictures of some poses, in their order."""
    import torch

    from services.training.portraits import hex_lab

    palette = torch.tensor([hex_lab(one) for one in colours.palette])
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        torch.manual_seed(some[0].seed)
        drawn = studio.compose(
            torch.tensor([TEMPLATES.index(one.template) for one in some]),
            torch.tensor([one.values for one in some]),
            palette=palette,
            jitter=1.5,
        )
        arrays = ((drawn.pictures / 2 + 0.5) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        for pose, array in zip(some, arrays, strict=True):
            yield _framed(Image.fromarray(array), pose)


def _framed(whole: Image.Image, pose: Pose) -> Image.Image:
    """The part of a drawn picture that a shot shows, a little tilted and in a little other light."""
    rng = random.Random(pose.seed)
    width, height = whole.size
    seen = rng.uniform(*pose.shot.seen)
    tall = seen * height
    wide = min(width, tall * pose.shape[0] / pose.shape[1])
    tall = min(tall, wide * pose.shape[1] / pose.shape[0])
    near = 1 - seen
    x = min(max(width * (FACE_AT[0] + rng.uniform(-0.12, 0.12) * near) - wide / 2, 0), width - wide)
    # The face stays in the upper third of the frame, wherever the camera stands.
    y = min(max(height * (FACE_AT[1] + rng.uniform(-0.1, 0.1) * near) - tall * 0.42, 0), height - tall)
    whole = _tilted(whole, (x + wide / 2, y + tall / 2), rng.gauss(0, 1.2))
    part = whole.resize((round(wide), round(tall)), Image.Resampling.LANCZOS, box=(x, y, x + wide, y + tall))
    if y + tall < height * TABLE_FROM and rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    part = ImageEnhance.Brightness(part).enhance(rng.gauss(1, 0.04))
    return ImageEnhance.Contrast(part).enhance(rng.gauss(1, 0.04))


def _tilted(picture: Image.Image, centre: tuple[float, float], degrees: float) -> Image.Image:
    """A picture turned about a point, its edges mirrored outwards so that no corner is empty."""
    turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    turned = cv2.warpAffine(
        np.asarray(picture), turn, picture.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return Image.fromarray(np.asarray(turned, np.uint8))


def draw_album(
    colours: Colours, out: Path, count: int, *, seed: int = 0, height_px: int = HEIGHT_PX
) -> list[Path]:
    """Draws an album into an empty folder: `001.jpg` … and `metadata.csv`.

    Raises:
        FileExistsError: the folder holds something.
    """
    from services.training.portraits import Studio

    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} 不是空的 / is not empty; name another --out")
    out.mkdir(parents=True, exist_ok=True)
    studio = Studio(width=height_px * 9 // 16, height=height_px, device="cpu")
    wanted = poses(colours, count, seed=seed)
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(("file_name", "text"))
    files = []
    for number, (pose, picture) in enumerate(zip(wanted, draw(studio, colours, wanted), strict=True), 1):
        file = out / f"{number:03d}.jpg"
        picture.save(file, quality=92, subsampling=0)
        rows.writerow((file.name, pose.caption))
        files.append(file)
    (out / "metadata.csv").write_text(table.getvalue(), encoding="utf-8")
    return files


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.training.draw_album")
    parser.add_argument("--persona", required=True, help="tang-morning | tang-evening | tang-lady")
    parser.add_argument("--recipe", type=Path, help="default: configs/train/visual-<persona>.yaml")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="other pictures")
    parser.add_argument(
        "--held", action="store_true", help="to judge by: none that the same --seed draws to train on"
    )
    parser.add_argument("--height", type=int, default=HEIGHT_PX, help="of a whole picture, in pixels")
    options = parser.parse_args()
    try:
        colours = read_colours(options.recipe or RECIPES / f"visual-{options.persona}.yaml")
        seed = options.seed + HELD_SEEDS * options.held
        files = draw_album(colours, options.out, options.count, seed=seed, height_px=options.height)
    except (NoColours, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"画好 {len(files)} 张，在 {options.out} / drew {len(files)} pictures into {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
