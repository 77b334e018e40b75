"""Forms out of masks: cushions and ridges, in plate pixels of height."""

from __future__ import annotations

import cv2
import numpy as np

from services.avatar.drawing.canvas import Array, Points, Region, brush, polygon, ribbon


def bump(x: Array, y: Array, at: tuple[float, float], size: tuple[float, float], amount: float) -> Array:
    """A Gaussian hill (or hollow)."""
    return np.asarray(
        amount * np.exp(-(((x - at[0]) / size[0]) ** 2) - ((y - at[1]) / size[1]) ** 2), np.float32
    )


def pillow(region: Region, mask: Array, height: float, reach: float, smooth: float) -> Array:
    """A cushion over a mask, rounded over `reach` from its edge."""
    far = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / region.scale
    t = np.clip(far / reach, 0, 1)
    return region.blur((height * np.sqrt(np.clip(1 - (1 - t) ** 2, 0, 1))).astype(np.float32), smooth)


def ridge(region: Region, line: Points, width: float | Points, soft: float, amount: float) -> Array:
    """A soft ridge (or groove) along a line."""
    mask = region.mask(lambda c: c.drawPath(polygon(ribbon(line, width)), brush((1, 1, 1))))
    return region.blur(mask, soft) * np.float32(amount)
