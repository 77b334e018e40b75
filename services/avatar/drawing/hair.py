"""How each host wears her hair: the sheets behind, in front, and the bun."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.avatar.drawing.canvas import Array, Region, brush, mix, over, polygon, ribbon, spline
from services.avatar.drawing.spec import Host
from services.avatar.drawing.strands import Lock, mask_of, paint, wavy

HAIR = Region(130, 60, 460, 900, 2)

Guides = list[list[tuple[float, float]]]


# fmt: off
def _from_middle(half: Guides, c: float, side: int) -> Guides:
    """Guides given as distances from the middle line, for one side of the face."""
    return [[(c + side * x, y) for x, y in guide] for guide in half]


def _morning(c: float) -> tuple[list[Lock], list[Lock]]:
    """Straight, to the collarbones, tips turned in; a parting left of the middle and a curtain fringe."""
    fall: Guides = [
        [(0, 286), (50, 300), (92, 346), (110, 410), (115, 500), (112, 590), (100, 670), (78, 728)],
        [(0, 268), (62, 282), (108, 338), (126, 414), (130, 510), (129, 600), (118, 684), (88, 738)],
        [(0, 240), (70, 250), (116, 312), (136, 408), (143, 510), (145, 610), (135, 692), (99, 742)],
        [(0, 206), (54, 211), (106, 244), (136, 312), (147, 410), (154, 520), (157, 620), (146, 700), (108, 738)],
    ]
    fringe: Guides = [
        [(0, 290), (20, 296), (52, 326), (78, 366), (94, 408), (110, 442), (132, 462)],
        [(0, 276), (32, 284), (74, 322), (102, 372), (116, 422), (132, 462), (154, 484)],
        [(0, 258), (48, 266), (98, 318), (124, 380), (136, 436), (148, 484), (166, 516)],
    ]
    back = [Lock([[(c - 60, 240), (c - 146, 380), (c - 146, 560), (c - 118, 735)],
                  [(c - 20, 215), (c - 60, 400), (c - 60, 600), (c - 58, 748)],
                  [(c + 20, 215), (c + 60, 400), (c + 60, 600), (c + 58, 748)],
                  [(c + 60, 240), (c + 146, 380), (c + 146, 560), (c + 118, 735)]], 900, 1.6)]
    front = []
    for side in (-1, 1):
        sheet = _from_middle(fall, c, side)
        curl = _from_middle(fringe, c, side)
        for guide in sheet + curl:
            guide[0] = (c - 15 + side * 0.5, guide[0][1])
        front.append(Lock(sheet[::-1], 1500, 1.3, ragged=0.05, fray=3))
        front.append(Lock(curl[::-1], 620, 1.15, ragged=0.16, fray=4, clump=1.3, loose=0.8, stray=False))
    return back, front


def _evening(c: float) -> tuple[list[Lock], list[Lock]]:
    """Long waves over one shoulder from a side parting; the other side is put behind the ear."""
    p = c + 34
    left: Guides = [
        [(p, 286), (c - 18, 300), (c - 84, 352), (c - 113, 424), (c - 120, 520), (c - 116, 640), (c - 96, 770), (c - 84, 890)],
        [(p, 268), (c - 36, 274), (c - 104, 332), (c - 133, 424), (c - 141, 530), (c - 143, 650), (c - 124, 790), (c - 106, 925)],
        [(p, 240), (c - 50, 238), (c - 122, 306), (c - 150, 416), (c - 160, 540), (c - 168, 660), (c - 156, 800), (c - 132, 920)],
        [(p, 206), (c - 44, 200), (c - 118, 248), (c - 156, 340), (c - 172, 450), (c - 182, 560), (c - 192, 670), (c - 184, 790),
         (c - 158, 896)],
    ]
    right: Guides = [
        [(p, 286), (c + 66, 306), (c + 100, 352), (c + 116, 404), (c + 128, 440), (c + 138, 470)],
        [(p, 268), (c + 78, 284), (c + 116, 340), (c + 131, 406), (c + 139, 460), (c + 142, 520)],
        [(p, 240), (c + 88, 254), (c + 130, 320), (c + 146, 400), (c + 150, 480), (c + 148, 560)],
        [(p, 206), (c + 84, 216), (c + 132, 264), (c + 153, 340), (c + 162, 430), (c + 162, 520), (c + 156, 620)],
    ]
    behind: Guides = [[(c - 60, 240), (c - 160, 380), (c - 168, 560), (c - 180, 720), (c - 160, 840)],
                      [(c - 20, 215), (c - 60, 400), (c - 60, 600), (c - 70, 800)],
                      [(c + 20, 215), (c + 60, 400), (c + 60, 600), (c + 70, 800)],
                      [(c + 60, 240), (c + 158, 400), (c + 166, 560), (c + 178, 690), (c + 160, 800)]]
    back = [Lock([wavy(g, 10, 150, 0.6 * k, 480) for k, g in enumerate(behind)], 900, 1.6, clump=1.3)]
    curls = []
    for k, (lo, hi) in enumerate(((2, 4), (1, 3), (0, 2))):
        pair = left[lo:hi]
        middle = [tuple(np.mean(q, axis=0)) for q in zip(pair[0], pair[1], strict=False)]
        guides = [wavy(g, 15 - 2 * k, 168, 0.9 * k + 0.35 * i, 470) for i, g in enumerate((pair[1], middle, pair[0]))]
        curls.append(Lock(guides, 760, 1.35, clump=1.9, fray=6, ragged=0.1))
    return back, [Lock(right[::-1], 1000, 1.3, clump=0.6, fray=2, ragged=0.04), *curls]


def _tangzhuang(c: float) -> tuple[list[Lock], list[Lock]]:
    """Swept up from the temples over full sides to a high double bun."""
    back = [Lock([[(c - 126, 470), (c - 148, 380), (c - 120, 260), (c - 40, 200)],
                  [(c, 560), (c, 400), (c, 260), (c, 200)],
                  [(c + 126, 470), (c + 148, 380), (c + 120, 260), (c + 40, 200)]], 500, 1.6)]
    sweep: Guides = [
        [(-2, 291), (-1, 262), (-1, 228), (0, 196)],
        [(34, 293), (38, 262), (28, 224), (6, 194)],
        [(66, 302), (78, 266), (62, 222), (14, 192)],
        [(92, 330), (112, 284), (92, 226), (20, 190)],
        [(107, 372), (138, 316), (120, 240), (26, 188)],
        [(114, 418), (155, 358), (140, 256), (32, 188)],
        [(116, 452), (162, 398), (152, 276), (36, 190)],
        [(114, 482), (158, 440), (160, 310), (40, 192)],
    ]
    bun: Guides = [
        [(38, 206), (92, 186), (102, 124), (46, 84), (-10, 100)],
        [(30, 208), (70, 184), (78, 132), (36, 104), (-8, 116)],
        [(18, 208), (46, 182), (50, 142), (22, 122), (-6, 134)],
        [(6, 208), (20, 186), (22, 160), (8, 144), (-6, 150)],
    ]
    wrap: Guides = [
        [(-64, 206), (-34, 186), (0, 180), (34, 186), (64, 206)],
        [(-66, 214), (-34, 198), (0, 193), (34, 198), (66, 214)],
        [(-62, 224), (-32, 210), (0, 206), (32, 210), (62, 224)],
    ]
    sides = [Lock(_from_middle(sweep, c, s), 1500, 1.3, fray=1.5, ragged=0.03, clump=0.7, loose=1.2) for s in (-1, 1)]
    down: Guides = [[(x * 0.985, y + 5 - 0.02 * x) for x, y in g[:1]] + [(x, y) for x, y in g[1:]] for g in sweep]
    sides += [Lock(_from_middle(down, c, s), 260, 0.55, fray=1.5, ragged=0.3, loose=2.4, ground=False) for s in (-1, 1)]
    lobes = [Lock(_from_middle(bun, c, s), 800, 1.35, fray=1.5, ragged=0.04, clump=0.6, loose=1.2) for s in (1, -1)]
    band = Lock(_from_middle(wrap, c, 1), 260, 1.2, fray=1.5, ragged=0.04, loose=1.0)
    wisp: Guides = [[(112, 440), (119, 480), (116, 520), (121, 552)], [(117, 440), (122, 482), (121, 522), (123, 548)]]
    wisps = [Lock(_from_middle(wisp, c, s), 26, 0.9, ragged=0.4, fray=2, ground=False) for s in (-1, 1)]
    return back, [*wisps, *lobes, *sides, band]
# fmt: on


STYLES = {"morning": _morning, "evening": _evening, "tangzhuang": _tangzhuang}


# Where the hair parts: distance from the middle line, top and foot.
PARTINGS = {"morning": (-15.0, 209.0, 287.0), "evening": (34.0, 209.0, 285.0)}


def locks_of(host: Host) -> tuple[Sequence[Lock], Sequence[Lock]]:
    """The sheets behind and in front."""
    return STYLES[host.name](host.face.cx)


def back(host: Host) -> Array:
    """The hair behind neck and shoulders."""
    picture = paint(HAIR, host, locks_of(host)[0], 1, flyaways=10, dim=0.55)
    picture[..., :3] = HAIR.blur(np.ascontiguousarray(picture[..., :3]), 1.1)  # it lies behind the focus
    return picture


def front(host: Host) -> Array:
    """The hair over crown, forehead and sides."""
    picture = paint(HAIR, host, locks_of(host)[1], 2)
    if host.name not in PARTINGS:
        return picture
    x, top, foot = PARTINGS[host.name]
    line = spline(
        [(host.face.cx + x, top), (host.face.cx + x - 0.8, (top + foot) / 2), (host.face.cx + x, foot)], 30
    )
    shape = polygon(ribbon(line, 2.6 * np.linspace(0.5, 1, 30)))
    return over(
        picture,
        HAIR.paint(
            lambda c: c.drawPath(shape, brush(mix(host.hair[0], host.skin.shade, 0.22), 0.8, blur_px=0.8))
        ),
    )


def front_mask(host: Host, region: Region) -> Array:
    """Where the front hair lies, over another region."""
    solid = [lock for lock in locks_of(host)[1] if lock.ground]
    return np.clip(mask_of(region, solid), 0, 1)
