"""One light for every material: relief in, colour out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from services.avatar.drawing.canvas import Array, Colour, Region

GAMMA = 2.2


@dataclass(frozen=True)
class Light:
    """A warm key from upper left, a cool rim from behind right, a soft fill from the front and below."""

    key: tuple[float, float, float] = (-0.42, -0.5, 0.76)
    key_colour: Colour = (1.0, 0.96, 0.915)
    key_power: float = 0.8
    fill_colour: Colour = (1.0, 0.955, 0.945)
    fill_power: float = 0.42
    bounce_colour: Colour = (1.0, 0.87, 0.82)
    bounce_power: float = 0.2
    rim: tuple[float, float, float] = (0.86, -0.28, -0.1)
    rim_colour: Colour = (0.82, 0.92, 1.0)
    rim_power: float = 0.5


@dataclass(frozen=True)
class Material:
    """How a surface answers light; lengths in plate pixels."""

    wrap: float = 0.25
    scatter: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gloss: float = 0.0
    shine: float = 24.0
    sheen: float = 0.0
    ao: float = 1.0
    ao_px: float = 10.0
    relief: float = 1.0


SKIN = Material(wrap=0.28, scatter=(7.0, 3.2, 1.8), gloss=0.15, shine=22, ao=0.10, ao_px=9)
LIPS = Material(wrap=0.35, scatter=(3.0, 1.5, 1.0), gloss=0.34, shine=30, ao=0.08, ao_px=4)
CLOTH = Material(wrap=0.2, gloss=0.02, shine=8, ao=0.07, ao_px=8)
SILK = Material(wrap=0.2, gloss=0.085, shine=9, sheen=0.1, ao=0.06, ao_px=7)
KNIT = Material(wrap=0.35, gloss=0.0, sheen=0.14, ao=0.1, ao_px=5)


def linear(colour: Colour) -> Array:
    """A display colour as linear light."""
    return np.asarray(colour, np.float32) ** GAMMA


def unit(vector: tuple[float, float, float]) -> Array:
    """The direction of a vector."""
    v = np.asarray(vector, np.float32)
    return v / np.float32(np.linalg.norm(v))


def surface_normals(region: Region, height: Array, relief: float = 1.0) -> tuple[Array, Array, Array]:
    """Unit normals of a height field given in plate pixels."""
    gy, gx = np.gradient(height * np.float32(relief * region.scale))
    inverse = 1 / np.sqrt(gx * gx + gy * gy + 1)
    return -gx * inverse, -gy * inverse, inverse


def shade(
    region: Region,
    height: Array,
    albedo: Array,
    inside: Array,
    light: Light,
    material: Material,
    *,
    shadow: Array | None = None,
    gloss_map: Array | None = None,
) -> Array:
    """Lights a height field: display RGB. `albedo` is linear; `shadow` is 0..1 of key light kept out."""
    nx, ny, nz = surface_normals(region, height, material.relief)
    lx, ly, lz = unit(light.key)
    wrap = material.wrap
    key = np.clip((nx * lx + ny * ly + nz * lz + wrap) / (1 + wrap), 0, 1)
    key = key ** np.float32(1 + wrap * 0.6)
    if shadow is not None:
        key = key * (1 - shadow)
    key_rgb = np.stack([_scatter(region, key, inside, s) for s in material.scatter], axis=2)
    fill = (0.52 + 0.48 * nz - 0.12 * ny)[..., None]
    bounce = np.clip(ny, 0, 1)[..., None] + 0.12
    hollow = np.clip(region.blur(height, material.ao_px) - height, 0, None)
    hollow += np.clip(region.blur(height, material.ao_px * 0.35) - height, 0, None)
    occlusion = np.exp(-material.ao * hollow)[..., None]
    # Occluded skin keeps its red: light that enters the flesh around a hollow leaves it warm.
    occlusion = occlusion ** np.asarray((0.8, 1.0, 1.06), np.float32)
    lit = key_rgb * linear(light.key_colour) * light.key_power
    lit = lit + fill * occlusion * linear(light.fill_colour) * light.fill_power
    lit = lit + bounce * occlusion * linear(light.bounce_colour) * light.bounce_power
    out = albedo * lit * (0.35 + 0.65 * occlusion)
    hx, hy, hz = unit((lx, ly, lz + 1.0))
    spec = np.clip(nx * hx + ny * hy + nz * hz, 0, 1) ** np.float32(material.shine) * material.gloss
    if gloss_map is not None:
        spec = spec * gloss_map
    if shadow is not None:
        spec = spec * (1 - shadow)
    out = out + (spec * occlusion[..., 1])[..., None] * linear(light.key_colour)
    rx, ry, rz = unit(light.rim)
    edge = np.clip(1 - nz, 0, 1) ** 3.6
    rim = edge * np.clip(nx * rx + ny * ry + nz * rz, 0, 1) * light.rim_power
    out = out + rim[..., None] * linear(light.rim_colour) * (0.3 + 0.7 * albedo)
    if material.sheen:
        out = out + (edge * material.sheen)[..., None] * np.sqrt(albedo)
    return np.asarray(_develop(out) ** np.float32(1 / GAMMA), np.float32)


def _develop(light: Array) -> Array:
    """Rolls highlights off softly above three quarters of full light."""
    knee = np.float32(0.72)
    high = np.clip(light - knee, 0, None)
    return np.asarray(np.clip(np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-high / (1 - knee))), 0, 1))


def _scatter(region: Region, key: Array, inside: Array, sigma: float) -> Array:
    """Spreads light under the surface without letting darkness leak in from outside."""
    if sigma <= 0:
        return key
    spread = region.blur(key * inside, sigma) / np.maximum(region.blur(inside, sigma), 0.02)
    return np.asarray(spread * 0.72 + key * 0.28, np.float32)


def dim(light: Light, factor: float) -> Light:
    """The same light with a weaker key."""
    return replace(light, key_power=light.key_power * factor)
