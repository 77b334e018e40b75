"""What each host wears."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.avatar.drawing.canvas import Array, Colour, Points, Region, rgb, smoothstep, spline
from services.avatar.drawing.figure import Piece, folds, torso_shape
from services.avatar.drawing.light import CLOTH, GAMMA, KNIT, SILK, Material
from services.avatar.drawing.spec import Host

BROCADE = Material(wrap=0.2, gloss=0.16, shine=12, sheen=0.05, ao=0.06, ao_px=5)


def _half(cx: float, side: int, below: float, grow: tuple[float, float]) -> Points:
    """One side of the torso's outline below a height, grown outwards."""
    line = torso_shape(cx)[:70]
    line = line[line[:, 1] > below] + (-grow[0], grow[1])
    return line if side < 0 else np.stack([2 * cx - line[:, 0], line[:, 1]], axis=1)


def _bodice(cx: float, neckline: Sequence[tuple[float, float]], grow: float = 3.0) -> Points:
    """The torso below a neckline given from its left end to the middle."""
    left = _half(cx, -1, neckline[0][1] + 2, (grow, 0))
    inner = spline(neckline, 40)
    right_inner = np.stack([2 * cx - inner[::-1, 0], inner[::-1, 1]], axis=1)
    right = np.stack([2 * cx - left[:, 0], left[:, 1]], axis=1)
    return np.vstack([left[::-1], inner, right_inner, right])


def _band(line: Points, width: float) -> Points:
    """A strip along a line, lying on its lower or right side."""
    step = np.gradient(line, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True) + 1e-9
    return np.vstack([line, (line + np.stack([-step[:, 1], step[:, 0]], axis=1) * width)[::-1]])


# fmt: off
def _morning(c: float) -> list[Piece]:
    """A white dress with a mint edge and pin tucks, a mint cardigan over the shoulders."""
    neckline = [(c - 128, 736), (c - 112, 772), (c - 78, 812), (c - 36, 832), (c, 836)]
    full = np.vstack([spline(neckline, 40), np.stack([2 * c - spline(neckline, 40)[::-1, 0], spline(neckline, 40)[::-1, 1]], 1)])
    white = Piece(_bodice(c, neckline), rgb("#f6f5f0"), CLOTH, 4, folds([
        ([(c - 64, 862), (c - 96, 930), (c - 118, 1080)], 15, 4, 9), ([(c + 60, 862), (c + 94, 940), (c + 104, 1080)], 15, 4, 9),
        ([(c - 30, 870), (c - 44, 960), (c - 40, 1090)], 12, 3.5, 7), ([(c + 34, 870), (c + 42, 970), (c + 34, 1090)], 12, 3.5, 7),
        ([(c + 2, 880), (c + 4, 980), (c - 4, 1090)], 9, 3, 5), ([(c - 118, 800), (c - 108, 850), (c - 84, 900)], 9, 4, 5),
    ]), _tucks)
    trim = Piece(_band(full, 9.0), rgb("#8fcdb4"), CLOTH, 3.5, None, None, drop=2.5)
    cardigan = []
    for s in (-1, 1):
        shape = spline([(c + s * 104, 722), (c + s * 130, 770), (c + s * 142, 860), (c + s * 140, 960), (c + s * 150, 1140)], 40)
        outer = _half(c, s, 716, (7, -3))
        cardigan.append(Piece(np.vstack([shape, outer[::-1]]), rgb("#a6d8c4"), KNIT, 8, folds([
            ([(c + s * 176, 780), (c + s * 190, 870), (c + s * 180, 1020)], 13, 5, -13),
            ([(c + s * 206, 780), (c + s * 222, 890), (c + s * 206, 1030)], 15, 5, 11),
            ([(c + s * 158, 790), (c + s * 162, 900), (c + s * 166, 1080)], 9, 4, 7),
            ([(c + s * 250, 930), (c + s * 214, 972), (c + s * 180, 984)], 12, 4, 9),
            ([(c + s * 254, 975), (c + s * 220, 1010), (c + s * 184, 1018)], 11, 4, 8),
            ([(c + s * 196, 748), (c + s * 222, 790), (c + s * 236, 850)], 11, 5, 6),
        ]), _knit, drop=6))
        cardigan.append(Piece(_band(shape if s < 0 else shape[::-1], -17.0), rgb("#97cfb8"), KNIT, 4, None, _rib, drop=3))
    return [white, trim, *cardigan]


def _evening(c: float) -> list[Piece]:
    """A wine silk wrap dress: two crossing fronts, pleats that run to the waist."""
    out = []
    for s in (1, -1):
        outer = _half(c, s, 712, (5, -2))
        inner = spline([(c + s * 88, 712), (c + s * 72, 764), (c + s * 30, 850), (c - s * 36, 930), (c - s * 116, 1000),
                        (c - s * 150, 1140)], 50)
        lines = []
        for k in range(8):
            a = k / 7
            lines.append(([(c + s * (100 + 74 * a), 728 + 26 * a), (c + s * (84 + 62 * a), 800 + 34 * a),
                           (c + s * (14 + 84 * a), 930 + 22 * a), (c - s * (74 - 70 * a), 1030)], 8.5, 2.6, 7.5 if k % 2 else 9.5))
        lines += [([(c + s * 186, 800), (c + s * 184, 900), (c + s * 160, 1060)], 12, 5, -14),
                  ([(c + s * 214, 780), (c + s * 228, 890), (c + s * 214, 1040)], 12, 4, 10),
                  ([(c + s * 240, 830), (c + s * 246, 920), (c + s * 236, 1040)], 9, 3.5, 8),
                  ([(c + s * 250, 900), (c + s * 222, 962), (c + s * 186, 986)], 10, 4, 9),
                  ([(c + s * 254, 950), (c + s * 226, 1006), (c + s * 188, 1024)], 10, 4, 8)]
        out.append(Piece(np.vstack([inner, outer[::-1]]), rgb("#7d2233"), SILK, 6, folds(lines), drop=7))
        out.append(Piece(_band(inner if s > 0 else inner[::-1], -6.0), rgb("#8b2a3b"), SILK, 3, None, None, drop=2))
    return out


def _tangzhuang(c: float) -> list[Piece]:
    """A high-waisted court skirt, its gold band and ribbon, an open robe with roundels, a gauze shawl."""
    chest = [(c - 178, 850), (c - 120, 842), (c - 60, 846), (c, 856)]
    skirt = Piece(_bodice(c, chest), rgb("#c5321f"), SILK, 4, _pleats, _stripe)
    top = spline([(c - 180, 849), (c - 100, 840), (c, 854), (c + 100, 840), (c + 180, 849)], 60)
    sash = Piece(np.vstack([top, (top + (0, 50))[::-1]]), rgb("#d3a04a"), BROCADE, 5, None, _brocade, drop=5)
    cords = [Piece(_band(top + (0, o), 5.0), rgb("#8e1f1a"), SILK, 3, drop=2) for o in (1.0, 45.0)]
    ribbons = []
    for s, foot in ((-1, 1080), (1, 1064)):
        fall = spline([(c + s * 4, 884), (c + s * 15, 940), (c + s * 10, 1000), (c + s * 24, foot)], 40)
        ribbons.append(Piece(np.vstack([fall - (9, 0), (fall + (9, 0))[::-1]]), rgb("#e0b45c"), BROCADE, 4, folds([
            ([(c + s * 4, 890), (c + s * 14, 960), (c + s * 20, 1070)], 5, 2, 4)]), drop=5))
        bow = spline([(c, 880), (c + s * 18, 862), (c + s * 46, 858), (c + s * 48, 884), (c + s * 22, 894), (c, 884)], 50)
        ribbons.append(Piece(bow, rgb("#d9a84e"), BROCADE, 9, folds([
            ([(c + s * 4, 880), (c + s * 22, 874), (c + s * 40, 872)], 5, 2, -7)]), drop=5))
    knot = np.stack([c + 10 * np.cos(np.linspace(0, 6.28, 40)), 881 + 9 * np.sin(np.linspace(0, 6.28, 40))], axis=1)
    ribbons.append(Piece(knot, rgb("#cf9a42"), BROCADE, 9, drop=4))
    robe = []
    for s in (-1, 1):
        outer = _half(c, s, 694, (9, -3))
        inner = spline([(c + s * 61, 691), (c + s * 96, 742), (c + s * 124, 806), (c + s * 138, 872), (c + s * 146, 950),
                        (c + s * 140, 1140)], 60)
        robe.append(Piece(np.vstack([inner, outer[::-1]]), rgb("#a9241a"), SILK, 7, folds([
            ([(c + s * 184, 770), (c + s * 196, 870), (c + s * 186, 1010)], 13, 5, -15),
            ([(c + s * 210, 770), (c + s * 228, 880), (c + s * 208, 1030)], 14, 4, 12),
            ([(c + s * 240, 820), (c + s * 250, 920), (c + s * 232, 1040)], 11, 4, 10),
            ([(c + s * 262, 900), (c + s * 228, 970), (c + s * 180, 1020)], 12, 4, 11),
            ([(c + s * 268, 960), (c + s * 236, 1010), (c + s * 184, 1050)], 11, 4, 9),
            ([(c + s * 166, 760), (c + s * 170, 860), (c + s * 172, 1000)], 9, 4, 7),
        ]), _roundels, drop=7))
        robe.append(Piece(_band(inner if s > 0 else inner[::-1], -24.0), rgb("#d6a64f"), BROCADE, 4, None, _brocade, drop=4))
        edge = spline([(c + s * 168, 738), (c + s * 214, 778), (c + s * 232, 850), (c + s * 214, 940), (c + s * 176, 1010), (c + s * 150, 1120)], 60)
        wide = np.interp(np.linspace(0, 1, 60), [0, 0.3, 1], [22, 46, 62])[:, None]
        shawl = np.vstack([edge, (edge + np.stack([np.ones(60), np.full(60, 0.25)], 1) * wide * s)[::-1]])
        robe.append(Piece(shawl, rgb("#8fb79b"), SILK, 4, folds([
            ([(float(x) + s * w * 0.45, float(y)) for x, y in edge[::12]], 6, 2.2, 7 if w > 20 else -6) for w in (14, 26, 40, 62)
        ]), _gauze, alpha=0.72, drop=5))
    return [skirt, sash, *cords, *ribbons, *robe]
# fmt: on


def _weave(albedo: Array, colour: Colour, amount: Array) -> Array:
    """Lets another colour into the cloth."""
    t = np.clip(amount, 0, 1)[..., None]
    return np.asarray(albedo * (1 - t) + np.asarray(colour, np.float32) ** GAMMA * t, np.float32)


def _knit(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    ribs = 0.92 + 0.08 * np.cos(x * 2 * np.pi / 4.0) * np.cos(y * 2 * np.pi / 4.6 + np.cos(x * 1.57))
    return np.asarray(albedo * ribs[..., None], np.float32)


def _rib(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    return np.asarray(albedo * (0.9 + 0.1 * np.cos(y * 2 * np.pi / 4.2))[..., None], np.float32)


def _tucks(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    line = (
        np.exp(-((((x - 360) / 9.0) % 1.0 - 0.5) ** 2) / 0.006)
        * (np.abs(x - 360) < 62)
        * smoothstep(842, 850, y)
    )
    return np.asarray(albedo * (1 - 0.09 * line * smoothstep(1000, 930, y))[..., None], np.float32)


def _pleats(region: Region, x: Array, y: Array) -> Array:
    phase = (x - 360) / (15 + (y - 850) * 0.02) + 0.25 * np.sin(y / 80 + x / 60)
    return np.asarray(6.0 * np.abs(np.sin(phase * np.pi / 1.5)) ** 0.7 * smoothstep(890, 930, y), np.float32)


def _stripe(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    phase = (x - 360) / (15 + (y - 850) * 0.02) + 0.25 * np.sin(y / 80 + x / 60)
    return _weave(albedo, rgb("#e0722f"), 0.35 * (np.cos(phase * np.pi * 2 / 3) > 0.55))


def _brocade(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    u, v = (x - 360) / 13, (y - 850) / 13
    fu, fv = (u % 1) - 0.5, ((v + 0.5 * (np.floor(u) % 2)) % 1) - 0.5
    r, a = np.hypot(fu, fv), np.arctan2(fv, fu)
    petal = np.exp(-((r - 0.22 - 0.09 * np.cos(5 * a)) ** 2) / 0.0022)
    heart = np.exp(-(r**2) / 0.004)
    return _weave(albedo, rgb("#8c2418"), 0.62 * petal + 0.7 * heart)


def _roundels(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    """Woven flower roundels that follow the sleeve's slope."""
    u, v = (np.abs(x - 360) - 0.16 * (y - 700)) / 58, (y - 700) / 58
    fu, fv = (u % 1) - 0.5, ((v + 0.5 * (np.floor(u) % 2)) % 1) - 0.5
    r, a = np.hypot(fu, fv), np.arctan2(fv, fu)
    ring = np.exp(-((r - 0.34) ** 2) / 0.0006) + 0.7 * np.exp(-((r - 0.30) ** 2) / 0.0003)
    petals = np.exp(-((r - 0.17 - 0.06 * np.cos(8 * a)) ** 2) / 0.0011)
    heart = np.exp(-((r - 0.045) ** 2) / 0.0006)
    return _weave(albedo, rgb("#e3ad4e"), 0.62 * (ring + petals + heart))


def _gauze(region: Region, x: Array, y: Array, albedo: Array) -> Array:
    dots = np.exp(-((((x + y) / 17) % 1 - 0.5) ** 2 + (((x - y) / 17) % 1 - 0.5) ** 2) / 0.012)
    return _weave(albedo, rgb("#f0d58c"), 0.8 * dots)


WARDROBE = {"morning": _morning, "evening": _evening, "tangzhuang": _tangzhuang}


def pieces(host: Host) -> list[Piece]:
    """The garments of a host, innermost first."""
    return WARDROBE[host.name](host.face.cx)
