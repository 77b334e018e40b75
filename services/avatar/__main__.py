"""Pictures of a look for the eye to judge: `python -m services.avatar frames|sheet|clip|cost`.

frames   full-size pictures of chosen states, for docs/host
sheet    mouth and eyes at twice their size, for every viseme and stage of a blink
clip     a contact sheet of a spoken second
cost     milliseconds of processor time a frame takes here
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from services.avatar.bake import Look
from services.avatar.bearing import Held
from services.avatar.face import Face, FaceInput, Stage, new_canvas
from services.avatar.looks import PLATE_SIZE, builtin_look, builtin_names, load_look
from services.avatar.motion import Pose
from services.avatar.mouth import REST, MouthShape, MouthTrack
from services.avatar.warp import Bytes, Rect
from services.wire import SAMPLE_RATE_HZ, Mood, Viseme

# Mouths to look at; the values follow the speech service's shapes.
SHAPES: dict[str, MouthShape] = {
    "m": MouthShape(0, 0.5, 0, 1.0, 0, 0),
    "aa": MouthShape(0.85, 0.55, 0, 0, 0, 0.1),
    "i": MouthShape(0.22, 0.85, 0, 0, 0.5, 0.3),
    "u": MouthShape(0.22, 0.12, 0.95, 0, 0, 0),
    "o": MouthShape(0.5, 0.3, 0.75, 0, 0, 0),
    "e": MouthShape(0.45, 0.6, 0, 0, 0.25, 0.2),
    "f": MouthShape(0.12, 0.55, 0, 0.35, 0.8, 0),
    "s": MouthShape(0.1, 0.65, 0, 0, 0.9, 0.2),
    "rest": REST,
}
CALM = Held(
    pose=Pose(), breath=0.0, gaze=(0.0, 0.0), shut=0.0, brow=(0.0, 0.0), smile=0.2, mouth=REST
)  # fmt: skip


def held(**changes: object) -> Held:
    """A calm bearing with some of it changed."""
    fields = {name: getattr(CALM, name) for name in Held.__slots__}
    return Held(**{**fields, **changes})


def picture(look: Look, bearing: Held) -> Bytes:
    """One full frame in BGR."""
    canvas = new_canvas(look.width, look.height)
    Stage(look).draw(bearing, canvas)
    return cv2.cvtColor(canvas, cv2.COLOR_YUV2BGR_I420)


def frames(look: Look, following: Look, out: Path) -> list[Path]:
    """Full-size frames of the states that a viewer sees most."""
    states = {
        "rest": held(smile=0.3),
        "closed-m": held(mouth=SHAPES["m"]),
        "aa": held(mouth=SHAPES["aa"], brow=(0.2, 0.2)),
        "u": held(mouth=SHAPES["u"]),
        "i": held(mouth=SHAPES["i"]),
        "blink": held(shut=1.0),
        "smile": held(smile=0.85, brow=(0.25, 0.25), pose=Pose(roll=1.0, dx=2, yaw=0.3)),
        "card": held(
            gaze=(0.5, 0.55), shut=0.16, pose=Pose(dx=3, dy=1.5, roll=0.4, yaw=0.6, pitch=0.5),
            mouth=SHAPES["e"],
        ),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for state, bearing in states.items():
        written.append(out / f"{look.name}-{state}.jpg")
        cv2.imwrite(str(written[-1]), picture(look, bearing), [cv2.IMWRITE_JPEG_QUALITY, 90])
    face = Face(look.width, look.height, 25, 1)
    face.set_look(look)
    canvas = new_canvas(look.width, look.height)
    for n in range(6):
        face.render(n, FaceInput(), canvas)
        if n == 1:
            face.crossfade_to(following)
    written.append(out / f"{look.name}-fade.jpg")
    bgr = cv2.cvtColor(canvas, cv2.COLOR_YUV2BGR_I420)
    cv2.imwrite(str(written[-1]), bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return written


def _tile(cells: list[tuple[str, Bytes]], across: int) -> Bytes:
    """Pictures of one size in a grid, each with its name."""
    h, w = cells[0][1].shape[:2]
    rows = -(-len(cells) // across)
    sheet = np.zeros((rows * h, across * w, 3), np.uint8)
    for k, (name, cell) in enumerate(cells):
        y, x = k // across * h, k % across * w
        sheet[y : y + h, x : x + w] = cell
        white = (255, 255, 255)
        cv2.putText(sheet, name, (x + 6, y + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, white, 1, cv2.LINE_AA)
    return sheet


def _crop(bgr: Bytes, place: Rect, zoom: float) -> Bytes:
    cut = bgr[place.rows, place.cols]
    return cv2.resize(cut, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)


def sheet(look: Look, out: Path) -> list[Path]:
    """Close pictures: every mouth shape, and the eyes through a blink, glances and a smile."""
    out.mkdir(parents=True, exist_ok=True)
    mouth = look.mouth.rect
    mouths = [(name, _crop(picture(look, held(mouth=shape)), mouth, 1.6)) for name, shape in SHAPES.items()]
    mouths.append(("smile", _crop(picture(look, held(smile=0.85)), mouth, 1.6)))
    mouths += [
        (f"aa {part:.0%}", _crop(picture(look, held(mouth=REST.toward(SHAPES["aa"], part))), mouth, 1.6))
        for part in (0.2, 0.5)
    ]
    left, right = look.eyes
    eyes = left.rect.joined(right.rect).grown(6, 2, look.width, look.height)
    bearings = {f"shut {part}": held(shut=part) for part in (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)}
    bearings |= {
        "left": held(gaze=(-0.6, 0.0)), "card": held(gaze=(0.5, 0.66), shut=0.2),
        "chat": held(gaze=(0.62, 0.34), shut=0.1), "up": held(gaze=(0.1, -0.3), shut=-0.06),
        "smile": held(smile=0.85), "brows": held(brow=(0.85, 0.95)),
    }  # fmt: skip
    lids = [(name, _crop(picture(look, bearing), eyes, 1.6)) for name, bearing in bearings.items()]
    written = [out / f"{look.name}-mouths.png", out / f"{look.name}-eyes.png"]
    cv2.imwrite(str(written[0]), _tile(mouths, 4))
    cv2.imwrite(str(written[1]), _tile(lids, 3))
    return written


def spoken() -> tuple[MouthTrack, int]:
    """A made-up second and a half of speech: ma, fei, hao, and so on."""
    keys: list[Viseme] = []
    at = 0.0
    for name, seconds in (
        ("m", 0.08), ("aa", 0.2), ("f", 0.08), ("e", 0.1), ("i", 0.09), ("s", 0.08), ("u", 0.17),
        ("m", 0.07), ("i", 0.15), ("aa", 0.14), ("o", 0.18), ("rest", 0.16),
    ):  # fmt: skip
        tag = {"m": "PP", "f": "FF", "s": "SS", "i": "I", "e": "E", "u": "U", "o": "O"}.get(name, name)
        keys.append(Viseme(round(at * SAMPLE_RATE_HZ), tag, *SHAPES[name].values()))
        at += seconds
    duration = round(at * SAMPLE_RATE_HZ)
    return MouthTrack(keys, duration), duration


def inputs(n: int, fps: float, track: MouthTrack, duration: int) -> FaceInput:
    """A frame's input in a show that speaks and rests by turns."""
    samples = round(SAMPLE_RATE_HZ / fps)
    at = n * samples % (duration + SAMPLE_RATE_HZ)
    speaking = at < duration
    loud = 0.55 + 0.35 * math.sin(n * 0.9) if speaking else 0.0
    return FaceInput(track.at(at), loud, speaking, Mood.NEUTRAL, "card" if n % 120 > 80 else "camera")


def clip(look: Look, out: Path, fps: float = 25) -> list[Path]:
    """Twenty-five frames in a row, cut to the head, as one picture."""
    out.mkdir(parents=True, exist_ok=True)
    face = Face(look.width, look.height, fps, 5)
    face.set_look(look)
    canvas = new_canvas(look.width, look.height)
    track, duration = spoken()
    cells = []
    place = look.mouth.rect.joined(look.eyes[0].rect).joined(look.eyes[1].rect)
    for n in range(25):
        face.render(n, inputs(n, fps, track, duration), canvas)
        bgr = cv2.cvtColor(canvas, cv2.COLOR_YUV2BGR_I420)
        cells.append((str(n), _crop(bgr, place, 0.8)))
    path = out / f"{look.name}-clip.png"
    cv2.imwrite(str(path), _tile(cells, 5))
    return [path]


def cost(look: Look, fps: float = 25, count: int = 500) -> tuple[float, float]:
    """Median milliseconds of processor time for a frame, and for a frame of a cross-fade."""
    face = Face(look.width, look.height, fps, 5)
    face.set_look(look)
    canvas = new_canvas(look.width, look.height)
    track, duration = spoken()
    plain: list[float] = []
    faded: list[float] = []
    for n in range(count):
        given = inputs(n, fps, track, duration)
        if n > count - 60 and not face.fading:
            face.crossfade_to(look)
        fading = face.fading
        start = time.thread_time()
        face.render(n, given, canvas)
        (faded if fading else plain).append(1000 * (time.thread_time() - start))
    return statistics.median(plain), statistics.median(faded)


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m services.avatar", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("frames", "sheet", "clip", "cost"))
    parser.add_argument("--look", default="morning", help="a built-in look's name, or a folder")
    parser.add_argument("--next", default="", help="the look that the fade's picture goes to")
    parser.add_argument("--out", type=Path, default=Path("build/host"))
    parser.add_argument("--size", type=int, nargs=2, default=PLATE_SIZE, metavar=("WIDTH", "HEIGHT"))
    asked = parser.parse_args()

    def load(name: str) -> Look:
        folder = builtin_look(name) if name in builtin_names() else Path(name)
        return load_look(folder, width=asked.size[0], height=asked.size[1])

    look = load(asked.look)
    if asked.what == "cost":
        plain, faded = cost(look)
        print(f"{look.name}: {plain:.2f} ms a frame, {faded:.2f} ms while fading (median, processor time)")
        return
    if asked.what == "frames":
        others = [n for n in builtin_names() if n != look.name] or [asked.look]
        written = frames(look, load(asked.next or others[0]), asked.out)
    else:
        written = (sheet if asked.what == "sheet" else clip)(look, asked.out)
    for path in written:
        print(path)


if __name__ == "__main__":
    main()
