"""How each host wears her hair: the sheets behind, in front, and the bun."""

from __future__ import annotations

import numpy as np

from services.avatar.drawing.canvas import Array, Region
from services.avatar.drawing.spec import Host
from services.avatar.drawing.strands import Lock, mask_of, mirrored, paint, wavy

HAIR = Region(130, 60, 460, 900, 2)
TOP = Region(130, 60, 460, 480, 3)


def _morning(c: float) -> tuple[list[Lock], list[Lock]]:
    back = [
        Lock(
            [
                [(c - 60, 240), (c - 150, 380), (c - 150, 560), (c - 128, 735)],
                [(c - 20, 215), (c - 60, 400), (c - 60, 600), (c - 58, 752)],
                [(c + 20, 215), (c + 60, 400), (c + 60, 600), (c + 58, 752)],
                [(c + 60, 240), (c + 150, 380), (c + 150, 560), (c + 128, 735)],
            ],
            900,
            1.6,
        )
    ]
    p = c - 14
    left = [
        [
            (p - 2, 280),
            (c - 58, 300),
            (c - 104, 352),
            (c - 124, 430),
            (c - 124, 540),
            (c - 112, 640),
            (c - 108, 745),
        ],
        [
            (p - 1, 262),
            (c - 74, 272),
            (c - 124, 338),
            (c - 142, 430),
            (c - 144, 540),
            (c - 136, 650),
            (c - 126, 762),
        ],
        [
            (p, 238),
            (c - 84, 242),
            (c - 138, 316),
            (c - 158, 425),
            (c - 162, 540),
            (c - 160, 650),
            (c - 150, 765),
        ],
        [
            (p + 2, 207),
            (c - 76, 208),
            (c - 142, 282),
            (c - 166, 400),
            (c - 173, 530),
            (c - 176, 640),
            (c - 166, 752),
        ],
    ]
    right = [
        [
            (p + 2, 280),
            (c + 48, 297),
            (c + 103, 352),
            (c + 124, 430),
            (c + 125, 540),
            (c + 114, 640),
            (c + 106, 748),
        ],
        [
            (p + 2, 262),
            (c + 66, 270),
            (c + 122, 336),
            (c + 143, 430),
            (c + 146, 540),
            (c + 138, 650),
            (c + 126, 764),
        ],
        [
            (p + 2, 238),
            (c + 80, 240),
            (c + 138, 314),
            (c + 159, 425),
            (c + 164, 540),
            (c + 161, 650),
            (c + 150, 764),
        ],
        [
            (p + 1, 207),
            (c + 74, 206),
            (c + 142, 280),
            (c + 167, 400),
            (c + 175, 530),
            (c + 176, 640),
            (c + 164, 750),
        ],
    ]
    return back, [Lock(left[::-1], 1500, 1.4), Lock(right[::-1], 1500, 1.4)]


def _evening(c: float) -> tuple[list[Lock], list[Lock]]:
    back = [
        Lock(
            [
                [(c - 60, 240), (c - 165, 380), (c - 175, 560), (c - 190, 720), (c - 170, 840)],
                [(c - 20, 215), (c - 60, 400), (c - 60, 600), (c - 70, 800)],
                [(c + 20, 215), (c + 60, 400), (c + 60, 600), (c + 70, 800)],
                [(c + 60, 240), (c + 165, 380), (c + 175, 560), (c + 190, 720), (c + 170, 840)],
            ],
            900,
            1.6,
        )
    ]
    p = c + 34
    left = [
        [
            (p - 3, 276),
            (c - 30, 286),
            (c - 98, 340),
            (c - 128, 430),
            (c - 132, 540),
            (c - 122, 680),
            (c - 106, 880),
        ],
        [
            (p - 2, 258),
            (c - 52, 260),
            (c - 122, 330),
            (c - 150, 430),
            (c - 158, 540),
            (c - 158, 690),
            (c - 136, 905),
        ],
        [
            (p - 1, 236),
            (c - 66, 228),
            (c - 138, 308),
            (c - 166, 425),
            (c - 178, 540),
            (c - 186, 690),
            (c - 166, 900),
        ],
        [
            (p + 1, 206),
            (c - 60, 196),
            (c - 142, 270),
            (c - 174, 400),
            (c - 192, 530),
            (c - 205, 680),
            (c - 192, 870),
        ],
    ]
    right = [
        [
            (p + 3, 276),
            (c + 72, 300),
            (c + 112, 360),
            (c + 128, 440),
            (c + 132, 560),
            (c + 126, 690),
            (c + 108, 870),
        ],
        [
            (p + 3, 258),
            (c + 88, 276),
            (c + 130, 345),
            (c + 148, 440),
            (c + 156, 560),
            (c + 158, 700),
            (c + 138, 895),
        ],
        [
            (p + 3, 236),
            (c + 98, 250),
            (c + 144, 322),
            (c + 163, 430),
            (c + 176, 550),
            (c + 184, 700),
            (c + 168, 890),
        ],
        [
            (p + 2, 206),
            (c + 96, 214),
            (c + 148, 288),
            (c + 173, 400),
            (c + 190, 530),
            (c + 200, 680),
            (c + 190, 860),
        ],
    ]
    waves = [
        [wavy(g, 9 + k, 128, k * 0.25 + s, 470) for k, g in enumerate(side[::-1])]
        for s, side in ((0.4, left), (2.6, right))
    ]
    return back, [Lock(waves[0], 1700, 1.5, clump=1.5, fray=9), Lock(waves[1], 1600, 1.5, clump=1.5, fray=9)]


def _tangzhuang(c: float) -> tuple[list[Lock], list[Lock]]:
    back = [
        Lock(
            [
                [(c - 130, 470), (c - 150, 380), (c - 120, 260), (c - 40, 200)],
                [(c, 560), (c, 400), (c, 260), (c, 200)],
                [(c + 130, 470), (c + 150, 380), (c + 120, 260), (c + 40, 200)],
            ],
            500,
            1.6,
        )
    ]
    left = [
        [(c - 2, 282), (c - 4, 250), (c - 4, 215), (c - 4, 190)],
        [(c - 50, 292), (c - 46, 250), (c - 30, 212), (c - 12, 188)],
        [(c - 92, 330), (c - 96, 270), (c - 66, 214), (c - 20, 186)],
        [(c - 112, 385), (c - 134, 300), (c - 98, 220), (c - 26, 184)],
        [(c - 118, 440), (c - 158, 350), (c - 128, 236), (c - 32, 184)],
        [(c - 118, 492), (c - 168, 400), (c - 146, 250), (c - 36, 186)],
    ]
    bun = [
        [(c - 36, 200), (c - 78, 170), (c - 72, 106), (c - 8, 84), (c + 40, 96)],
        [(c - 24, 204), (c - 54, 172), (c - 48, 122), (c - 2, 104), (c + 34, 112)],
        [(c - 8, 206), (c - 24, 176), (c - 18, 140), (c + 10, 126), (c + 34, 132)],
    ]
    return back, [
        Lock(mirrored(bun, c), 420, 1.5, fray=2, ragged=0.05),
        Lock(bun, 520, 1.5, fray=2, ragged=0.05),
        Lock(left, 1100, 1.5, fray=2, ragged=0.04),
        Lock(mirrored(left, c, 0.6), 1100, 1.5, fray=2, ragged=0.04),
    ]


STYLES = {"morning": _morning, "evening": _evening, "tangzhuang": _tangzhuang}


def back(host: Host) -> Array:
    """The hair behind neck and shoulders."""
    locks, _ = STYLES[host.name](host.face.cx)
    return paint(HAIR, host, locks, 1, flyaways=10, dim=0.55)


def front(host: Host) -> Array:
    """The hair over crown, forehead and sides."""
    _, locks = STYLES[host.name](host.face.cx)
    return paint(HAIR, host, locks, 2)


def front_mask(host: Host, region: Region) -> Array:
    """Where the front hair lies, over another region."""
    _, locks = STYLES[host.name](host.face.cx)
    return np.clip(mask_of(region, locks), 0, 1)
