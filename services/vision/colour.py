"""Colour as the finish works with it: Lab and linear light, soft limits, smoothing inside a mask."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # float32
Bytes = NDArray[Any]  # uint8


def to_lab(rgb: Floats) -> Floats:
    """Lab (L 0..100) of sRGB 0..1, any picture of three channels."""
    lab: Floats = cv2.cvtColor(np.ascontiguousarray(rgb, np.float32), cv2.COLOR_RGB2LAB)
    return lab


def to_rgb(lab: Floats) -> Floats:
    """sRGB 0..1 of Lab. Colours that no screen has are drawn in toward their own grey, so that a
    strong colour keeps its lightness and hue."""
    lab = np.ascontiguousarray(lab, np.float32)
    rgb: Floats = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.clip(rgb, 0, 1)


def linear(rgb: Floats) -> Floats:
    """Linear light of sRGB 0..1."""
    light: Floats = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def delinear(light: Floats) -> Floats:
    """sRGB of linear light, its highlights rolled off above 0.7 instead of cut."""
    knee = np.float32(0.7)
    over = np.maximum(light - knee, 0)
    soft = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    rgb = np.where(soft <= 0.0031308, soft * 12.92, 1.055 * np.maximum(soft, 0) ** (1 / 2.4) - 0.055)
    return np.clip(rgb, 0, 1).astype(np.float32)


def soft_range(values: Floats, low: float, high: float, knee: float) -> Floats:
    """`values` kept within low..high, bent over the last `knee` on each side instead of cut."""
    top, bottom = high - knee, low + knee
    out = np.where(values > top, top + knee * np.tanh((values - top) / knee), values)
    out = np.where(out < bottom, bottom - knee * np.tanh((bottom - out) / knee), out)
    return out.astype(np.float32)


def smoothed(values: Floats, weight: Floats, sigma: tuple[float, float], *, prior: Floats) -> Floats:
    """`values` (h, w, c) smoothed by a Gaussian (sigma in cells, x and y) inside `weight` (h, w);
    where the weight runs out it goes over into `prior` (c)."""

    def blur(picture: Floats) -> Floats:
        soft: Floats = cv2.GaussianBlur(
            picture, (0, 0), sigmaX=sigma[0], sigmaY=sigma[1], borderType=cv2.BORDER_REPLICATE
        )
        return soft

    mass = blur(np.ascontiguousarray(weight, np.float32))[..., None]
    total = blur(np.ascontiguousarray(values * weight[..., None], np.float32)).reshape(values.shape)
    little = np.float32(0.02)
    out: Floats = (total + little * prior) / (mass + little)
    return out.astype(np.float32)


def filled(values: Floats, weight: Floats) -> Floats:
    """`values` (h, w, c) where they weigh, spread smoothly over where they do not: a pyramid's levels,
    each filling what the finer one left open."""
    height, width = weight.shape
    if min(height, width) <= 2:
        mean = (values * weight[..., None]).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
        return np.broadcast_to(mean, values.shape).astype(np.float32)
    small = (max(1, width // 2), max(1, height // 2))
    mass = cv2.resize(weight, small, interpolation=cv2.INTER_AREA)
    total = cv2.resize(values * weight[..., None], small, interpolation=cv2.INTER_AREA)
    coarse = filled(total / np.maximum(mass, 1e-4)[..., None], np.minimum(1, mass * 2))
    up = cv2.GaussianBlur(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), (0, 0), 1.0)
    part = np.clip(weight, 0, 1)[..., None]
    out: Floats = values * part + up * (1 - part)
    return out.astype(np.float32)


def middle(values: Floats, weight: Floats) -> Floats:
    """The weighted median of each channel of `values` (h, w, c); zeros where nothing weighs."""
    flat, mass = values.reshape(-1, values.shape[-1]), weight.reshape(-1)
    kept = mass > 0.05
    out = np.zeros(values.shape[-1], np.float32)
    if not kept.any():
        return out
    flat, mass = flat[kept], mass[kept]
    for k in range(out.size):
        order = np.argsort(flat[:, k])
        sums = np.cumsum(mass[order])
        out[k] = flat[order[np.searchsorted(sums, sums[-1] / 2)], k]
    return out


def delta_e(first: Floats, second: Floats) -> Floats:
    """The distance (CIE76) of Lab colours along their last axis."""
    apart: Floats = np.sqrt(((first - second) ** 2).sum(axis=-1))
    return apart
