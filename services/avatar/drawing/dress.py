"""What each host wears."""

from __future__ import annotations

import numpy as np

from services.avatar.drawing.canvas import Array, Points, Region, rgb, smoothstep, spline
from services.avatar.drawing.figure import Piece, both, folds, torso_shape
from services.avatar.drawing.light import CLOTH, KNIT, SILK
from services.avatar.drawing.spec import Host


def _clip_top(cx: float, neckline: list[tuple[float, float]], grow: float = 5.0) -> Points:
    """A bodice: the torso below a neckline given from its left end to the middle."""
    body = torso_shape(cx)
    half = body[: len(body) // 2]
    start = neckline[0]
    left = half[half[:, 1] > start[1] + 2] - (grow, 0)
    inner = spline(neckline, 40)
    right_inner = np.stack([2 * cx - inner[::-1, 0], inner[::-1, 1]], axis=1)
    right = np.stack([2 * cx - left[:, 0], left[:, 1]], axis=1)
    return np.vstack([left[::-1], inner, right_inner, right])


def _morning(c: float) -> list[Piece]:
    neckline = [(c - 140, 720), (c - 120, 752), (c - 88, 800), (c - 40, 826), (c, 831)]
    white = Piece(
        _clip_top(c, neckline),
        rgb("#f3f3ee"),
        CLOTH,
        4,
        folds(
            [
                ([(c - 60, 850), (c - 95, 930), (c - 110, 1080)], 16, 6, 6),
                ([(c + 55, 850), (c + 92, 940), (c + 100, 1080)], 16, 6, 6),
                ([(c - 20, 860), (c - 30, 960), (c - 26, 1090)], 13, 5, 4),
                ([(c + 22, 870), (c + 26, 970), (c + 20, 1090)], 13, 5, 4),
            ]
        ),
    )
    cardigan = []
    for side in (-1, 1):
        shape = spline(
            [
                (c + side * 108, 706),
                (c + side * 132, 760),
                (c + side * 142, 860),
                (c + side * 138, 960),
                (c + side * 146, 1140),
            ],
            40,
        )
        outer = (
            torso_shape(c)[:70]
            if side < 0
            else np.stack([2 * c - torso_shape(c)[:70, 0], torso_shape(c)[:70, 1]], 1)
        )
        outer = outer[outer[:, 1] > 706] + (side * 9, -3)
        cardigan.append(
            Piece(
                np.vstack([shape, outer[::-1]]),
                rgb("#a9d6c4"),
                KNIT,
                7,
                folds(
                    [
                        ([(c + side * 190, 760), (c + side * 200, 860), (c + side * 190, 1000)], 14, 6, -9),
                        ([(c + side * 225, 800), (c + side * 235, 900), (c + side * 215, 1010)], 18, 7, 7),
                        ([(c + side * 165, 780), (c + side * 168, 900), (c + side * 170, 1080)], 12, 5, 5),
                        ([(c + side * 270, 960), (c + side * 230, 985), (c + side * 200, 990)], 12, 5, 6),
                    ]
                ),
                _knit,
                drop=6,
            )
        )
    return [white, *cardigan]


def _knit(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    ribs = 0.94 + 0.06 * np.cos(x * 2 * np.pi / 3.4) * np.cos(y * 2 * np.pi / 4.2 + np.cos(x * 1.85))
    return (albedo * ribs[..., None]).astype(np.float32)


def _evening(c: float) -> list[Piece]:
    out = []
    for side in (1, -1):
        half = (
            torso_shape(c)[:70]
            if side < 0
            else np.stack([2 * c - torso_shape(c)[:70, 0], torso_shape(c)[:70, 1]], 1)
        )
        outer = half[half[:, 1] > 702] + (side * 7, -2)
        inner = spline(
            [
                (c + side * 92, 702),
                (c + side * 74, 760),
                (c + side * 30, 850),
                (c - side * 40, 930),
                (c - side * 120, 1000),
                (c - side * 150, 1140),
            ],
            50,
        )
        out.append(
            Piece(
                np.vstack([inner, outer[::-1]]),
                rgb("#74202f"),
                SILK,
                6,
                folds(
                    [
                        (
                            [
                                (c + side * 150, 735),
                                (c + side * 100, 840),
                                (c + side * 0, 960),
                                (c - side * 80, 1040),
                            ],
                            14,
                            5,
                            8,
                        ),
                        ([(c + side * 175, 760), (c + side * 135, 870), (c + side * 40, 990)], 13, 5, 7),
                        ([(c + side * 110, 730), (c + side * 78, 810), (c + side * 10, 900)], 8, 4, 5),
                        ([(c + side * 195, 800), (c + side * 190, 900), (c + side * 160, 1040)], 13, 6, -9),
                        ([(c + side * 235, 800), (c + side * 240, 900), (c + side * 228, 1040)], 16, 6, 8),
                        ([(c + side * 262, 900), (c + side * 246, 960), (c + side * 210, 985)], 12, 5, 6),
                    ]
                ),
                drop=6,
            )
        )
    return out


def _tangzhuang(c: float) -> list[Piece]:
    chest = [(c - 190, 846), (c - 120, 838), (c - 60, 842), (c, 850)]
    skirt = Piece(_clip_top(c, chest), rgb("#c03320"), SILK, 4, _pleats)
    band = both([(c - 186, 846), (c - 184, 900)], c)
    top = spline([(c - 190, 845), (c - 100, 836), (c, 848), (c + 100, 836), (c + 190, 845)], 60)
    low = spline([(c - 190, 900), (c - 100, 896), (c, 904), (c + 100, 896), (c + 190, 900)], 60)
    sash = Piece(np.vstack([top, low[::-1]]), rgb("#d5a24a"), SILK, 5, None, _brocade, drop=4)
    robe = []
    for side in (-1, 1):
        half = (
            torso_shape(c)[:70]
            if side < 0
            else np.stack([2 * c - torso_shape(c)[:70, 0], torso_shape(c)[:70, 1]], 1)
        )
        outer = half[half[:, 1] > 712] + (side * 14, -2)
        inner = spline(
            [
                (c + side * 128, 712),
                (c + side * 136, 770),
                (c + side * 144, 850),
                (c + side * 150, 950),
                (c + side * 140, 1140),
            ],
            50,
        )
        robe.append(
            Piece(
                np.vstack([inner, outer[::-1]]),
                rgb("#a8261c"),
                SILK,
                6,
                folds(
                    [
                        ([(c + side * 195, 750), (c + side * 205, 860), (c + side * 195, 1000)], 14, 6, -9),
                        ([(c + side * 228, 790), (c + side * 245, 900), (c + side * 215, 1030)], 16, 6, 9),
                        ([(c + side * 275, 900), (c + side * 240, 980), (c + side * 190, 1040)], 14, 5, 8),
                    ]
                ),
                drop=6,
            )
        )
        trim_out = inner + (side * 26, 0)
        robe.append(
            Piece(np.vstack([inner, trim_out[::-1]]), rgb("#d9ac55"), SILK, 3, None, _brocade, drop=3)
        )
    assert len(band)
    return [skirt, sash, *robe]


def _pleats(region: Region, x: Array, y: Array) -> Array:
    phase = (x - 360) / (16 + (y - 850) * 0.012)
    return (
        4.2 * np.abs(np.sin(phase * np.pi / 1.6 + 0.4 * np.sin(y / 90))) ** 0.8 * smoothstep(880, 940, y)
    ).astype(np.float32)


def _brocade(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    u, v = (x - 360) / 11, (y - 850) / 11
    a = np.cos(u * np.pi) * np.cos(v * np.pi)
    ring = np.exp(-((np.abs(a) - 0.45) ** 2) / 0.02)
    dark = np.asarray(rgb("#8c2418"), np.float32) ** 2.2
    t = (ring * 0.7)[..., None]
    return (albedo * (1 - t) + dark * t).astype(np.float32)


WARDROBE = {"morning": _morning, "evening": _evening, "tangzhuang": _tangzhuang}


def pieces(host: Host) -> list[Piece]:
    """The garments of a host, innermost first."""
    return WARDROBE[host.name](host.face.cx)
