"""What makes one host different from another: measures and colours, in plate pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.avatar.drawing.canvas import Colour, rgb
from services.avatar.drawing.light import Light


@dataclass(frozen=True)
class Skin:
    """Skin colours, as they look in even light."""

    base: Colour
    warm: Colour
    blush: Colour
    shade: Colour
    lid: Colour
    lip: Colour
    lip_deep: Colour


@dataclass(frozen=True)
class Face:
    """The proportions of a face; `x` values are distances from the middle line."""

    cx: float = 360.0
    # Distance from the face's middle (cx, mid_y) to the outline at these angles (degrees, 90 = chin).
    mid_y: float = 420.0
    outline: tuple[tuple[float, float], ...] = (
        (-90, 196), (-60, 178), (-35, 149), (-15, 130), (0, 122), (15, 118), (30, 117), (45, 123),
        (60, 136), (75, 154), (90, 164),
    )  # fmt: skip
    depth: float = 104.0
    eye_y: float = 417.0
    eye_x: float = 61.5
    eye_w: float = 63.0
    eye_h: float = 27.5
    eye_tilt: float = 2.0  # how much higher the outer corner lies than the inner
    eye_peak: float = 0.46  # where the upper lid is highest, from the inner corner
    crease: float = 7.0
    crease_depth: float = 1.0
    iris_r: float = 14.8
    iris: tuple[str, str, str] = ("#170b07", "#3b1f12", "#744526")
    lash: float = 8.0
    liner: float = 2.3
    wing: float = 5.0
    brow_y: float = 377.0
    brow_in: float = 26.0
    brow_out: float = 92.0
    brow_arch: float = 4.0
    brow_drop: float = 1.0
    brow_thick: float = 11.0
    brow_colour: str = "#5a3d30"
    nose_y: float = 482.0  # the tip
    nose_w: float = 14.2  # wing to middle
    bridge: float = 12.0
    tip: float = 19.0
    mouth_y: float = 525.0
    mouth_w: float = 42.0
    upper_lip: float = 9.5
    lower_lip: float = 13.0
    cupid: float = 3.2
    smile: float = 6.5
    chin_y: float = 571.0
    cheek: float = 7.5
    cheek_y: float = 466.0
    smile_fold: float = 1.0


@dataclass(frozen=True)
class Host:
    """One look: a name, a seed, a face, its colours and its light."""

    name: str
    seed: int
    title: str
    face: Face
    skin: Skin
    light: Light
    hair: tuple[Colour, Colour, Colour]  # dark, middle, light
    hair_gleam: Colour
    lid_colour: Colour
    lid_strength: float = 0.35
    blush_strength: float = 0.5
    palette: dict[str, str] = field(default_factory=dict)


def tones(*hexed: str) -> tuple[Colour, ...]:
    """Several colours from their hex names."""
    return tuple(rgb(h) for h in hexed)
