"""Portraits without end: the drawn templates recoloured by region on the training device.

The layers are read once at a low resolution. A region takes a named colour by a shift in CIE Lab with its shading
kept: lightness is stretched about the region's mean, chroma follows lightness. Sets are the drawn ones, or made up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from services.training.portraits_colours import ATTRIBUTES, DRAWN_LAYOUTS, LAYOUTS, TEMPLATES, VALUES
from services.vision.regions import REGIONS, Picture, at_rest, body_parts, read_stack

LOOKS = Path(__file__).parents[1] / "avatar" / "looks"

JITTER_LAB = 2.0
TINT = {"hair": 0.6, "dress": 0.3, "skin": 0.9, "set": 0.5}  # how much of a region's own colour play is kept
LIGHT_GAINS = (
    (1.0, 1.0, 1.0),
    (1.09, 0.99, 0.84),
    (0.9, 0.99, 1.1),
    (1.14, 1.14, 1.13),
    (0.7, 0.7, 0.72),
    (1.0, 1.0, 1.0),
)

_RGB_TO_XYZ = (
    (0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754),
)


def to_lab(rgb: Tensor) -> Tensor:
    """CIE Lab (D65) of sRGB 0..1; the channel is the third dimension from the end."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("xc,...chw->...xhw", torch.tensor(_RGB_TO_XYZ).to(rgb), linear)
    f = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-3)


def to_rgb(lab: Tensor) -> Tensor:
    """sRGB, cut to 0..1, of CIE Lab; the channel is the third dimension from the end."""
    lightness, a, b = lab.unbind(-3)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=-3)
    xyz = torch.where(f > 0.206897, f**3, (f - 16 / 116) / 7.787)
    inverse = torch.linalg.inv(torch.tensor(_RGB_TO_XYZ)).to(lab)
    linear = torch.einsum("cx,...xhw->...chw", inverse, xyz).clamp(0, 1)
    return torch.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055
    )


def hex_lab(colour: str) -> tuple[float, float, float]:
    """CIE Lab of `#rrggbb`."""
    value = int(colour.lstrip("#"), 16)
    rgb = torch.tensor([(value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255])
    lightness, a, b = to_lab(rgb[:, None, None]).flatten().tolist()
    return lightness, a, b


@dataclass(frozen=True)
class Drawn:
    """Pictures of one batch in −1..1 [N, 3, H, W]: what is asked for, and the template that is shown."""

    pictures: Tensor
    templates: Tensor
    masks: Tensor  # [N, 4, H, W], what is seen of each of REGIONS


class Studio:
    """The templates' layers on a device, and the colours that they may take."""

    def __init__(self, *, width: int, height: int, device: str, looks: Path = LOOKS) -> None:
        self.width, self.height, self.device = width, height, torch.device(device)
        sheets, weights, plain = [], [], []
        for name in TEMPLATES:
            colours, shares = _parts(looks / name, width, height)
            sheets.append(colours)
            weights.append(shares)
            plain.append(cv2.resize(at_rest(looks / name), (width, height), interpolation=cv2.INTER_AREA))
        self.weights = self._tensor(np.stack(weights))  # [T, 5, H, W], REGIONS then the rest, sum 1
        colours = self._tensor(np.stack(sheets)).permute(0, 1, 4, 2, 3)  # [T, 5, 3, H, W]
        self.rest = colours[:, 4].contiguous()
        self.lab = to_lab(colours[:, :4])  # [T, 4, 3, H, W]
        seen = self.weights[:, :4, None]
        self.means = (self.lab * seen).sum((-1, -2)) / seen.sum((-1, -2)).clamp(min=1e-6)  # [T, 4, 3]
        # A set is seen whole by other templates: its mean is that of the whole picture.
        self.means[:, 3] = self.lab[:, 3].mean((-1, -2))
        self.plain = self._tensor(np.stack(plain)).permute(0, 3, 1, 2).contiguous()
        self.targets = [
            torch.tensor(
                [(0.0, 0.0, 0.0)] + [hex_lab(one.colour) for one in VALUES[name]], device=self.device
            )
            for name in REGIONS
        ]
        self.tint = torch.tensor([TINT[name] for name in REGIONS], device=self.device)
        self.gains = torch.tensor(LIGHT_GAINS, device=self.device)

    def _tensor(self, array: Picture) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

    def compose(
        self,
        templates: Tensor,
        values: Tensor,
        *,
        jitter: float = JITTER_LAB,
        restyle: float = 0.0,
        palette: Tensor | None = None,
    ) -> Drawn:
        """Draws a batch: `templates` [N] and `values` [N, attributes] (0: as the template has it).

        `jitter` is the spread, in Lab units, of named colours; `restyle` the share of rows whose template is itself
        recoloured, so that a base also learns to work from looks in other colours. `palette` [4, 3] (Lab, in the
        order of `REGIONS`) is what regions take that are not named: a persona's own colours.
        """
        own, ratio = self._own(templates, restyle)
        usual, changed = own, ratio
        if palette is not None:
            usual = palette.to(own) + torch.randn_like(own) * jitter
            changed = torch.ones_like(ratio)
        wanted, named = self._targets(values, usual, jitter)
        sources = self.lab[templates].clone()
        means = self.means[templates].clone()
        layout = values[:, ATTRIBUTES.index("layout")]
        borrowed = (layout > 0) & (layout <= DRAWN_LAYOUTS)
        donor = torch.where(borrowed, layout - 1, templates)
        sources[:, 3], means[:, 3] = self.lab[donor, 3], self.means[donor, 3]
        lab = self._recolour(sources, means, wanted, named | changed)
        lab[:, 3] = self._made_up(lab[:, 3], layout, wanted[:, 3])
        pictures = self._assemble(templates, to_rgb(lab))
        pictures = self._light(pictures, values[:, ATTRIBUTES.index("light")], jitter > 0)
        shown = self.plain[templates]
        rows = ratio.any(1).nonzero()[:, 0]
        if len(rows):
            some = templates[rows]
            restyled = self._recolour(self.lab[some], self.means[some], own[rows], ratio[rows])
            shown[rows] = self._assemble(some, to_rgb(restyled))
        return Drawn(pictures * 2 - 1, shown * 2 - 1, self.weights[templates, :4])

    def _own(self, templates: Tensor, restyle: float) -> tuple[Tensor, Tensor]:
        """The templates' own colours [N, 4, 3], and which of them were changed [N, 4]."""
        n = len(templates)
        own = self.means[templates].clone()
        if restyle <= 0:
            return own, torch.zeros(n, 4, dtype=torch.bool, device=self.device)
        rows = torch.rand(n, 1, device=self.device) < restyle
        changed = rows & (torch.rand(n, 4, device=self.device) < 0.7)
        changed[:, 3] = False
        for at, table in enumerate(self.targets):
            pick = table[torch.randint(1, len(table), (n,), device=self.device)]
            pick = pick + torch.randn_like(pick) * 4
            own[:, at] = torch.where(changed[:, at, None], pick, own[:, at])
        return own, changed

    def _targets(self, values: Tensor, own: Tensor, jitter: float) -> tuple[Tensor, Tensor]:
        """The colour of each region [N, 4, 3], and whether it is named [N, 4]."""
        out, named = own.clone(), []
        for at, name in enumerate(REGIONS):
            number = values[:, ATTRIBUTES.index(name)]
            colour = self.targets[at][number]
            colour = colour + torch.randn_like(colour) * jitter
            out[:, at] = torch.where((number > 0)[:, None], colour, out[:, at])
            named.append(number > 0)
        return out, torch.stack(named, 1)

    def _recolour(self, lab: Tensor, means: Tensor, wanted: Tensor, changed: Tensor) -> Tensor:
        """Regions [N, 4, 3, H, W] brought from their mean to the wanted colour where `changed`, shading kept."""
        mean, want = means[..., None, None], wanted[..., None, None]
        offset = lab - mean
        stretch = ((want[:, :, :1] + 25) / (mean[:, :, :1] + 25)).clamp(0.45, 1.4)
        lightness = (want[:, :, :1] + offset[:, :, :1] * stretch).clamp(0, 100)
        follow = ((lightness + 8) / (want[:, :, :1] + 8)).clamp(0.3, 1.25) ** 0.5
        chroma = want[:, :, 1:] * follow + offset[:, :, 1:] * self.tint[:, None, None, None]
        return torch.where(changed[..., None, None, None], torch.cat([lightness, chroma], 2), lab)

    def _made_up(self, drawn: Tensor, layout: Tensor, colour: Tensor) -> Tensor:
        """Sets that nobody drew: gradient, bokeh, curtain or glow in a colour, [N, 3, H, W] in Lab."""
        kinds = [one.key for one in LAYOUTS]
        made = layout > DRAWN_LAYOUTS
        if not bool(made.any()):
            return drawn
        n, device = len(layout), self.device
        h, w = 64, 36
        y = torch.linspace(0, 1, h, device=device)[None, :, None]
        x = torch.linspace(0, 1, w, device=device)[None, None, :]

        def noise(low: float, high: float) -> Tensor:
            return torch.rand(n, 1, 1, device=device) * (high - low) + low

        gradient = (0.5 - y) * noise(16, 30) + (x - 0.5) * noise(-8, 8)
        phase = noise(0, 2 * math.pi)
        curtain = torch.sin(x * noise(26, 38) + phase) * 6 + torch.sin(x * noise(9, 15) + phase) * 4 + 0 * y
        far = ((x - noise(0.4, 0.6)) ** 2 * 0.5 + (y - noise(0.25, 0.4)) ** 2) / 0.12
        glow = 26 * torch.exp(-far) - 8
        centre = torch.rand(n, 14, 2, 1, 1, device=device)
        radius = torch.rand(n, 14, 1, 1, device=device) * 0.05 + 0.025
        distance = ((x[None] - centre[:, :, 0]) ** 2 * 0.32 + (y[None] - centre[:, :, 1]) ** 2).sqrt()
        spots = torch.sigmoid((radius - distance) / 0.012).amax(1)
        bokeh = spots * 34 - 14
        shape = torch.zeros(n, h, w, device=device)
        for key, field in (("gradient", gradient), ("bokeh", bokeh), ("curtain", curtain), ("glow", glow)):
            shape = torch.where((layout == kinds.index(key) + 1)[:, None, None], field, shape)
        shape = F.interpolate(shape[:, None], (self.height, self.width), mode="bilinear", align_corners=False)
        base = colour[:, :, None, None]
        # Near white and black there is no room on both sides: the field is moved, not cut.
        low = base[:, :1] + shape.amin((-1, -2), keepdim=True)
        high = base[:, :1] + shape.amax((-1, -2), keepdim=True)
        lightness = base[:, :1] + shape - (high - 98).clamp(min=0) + (4 - low).clamp(min=0)
        follow = ((lightness + 8) / (base[:, :1] + 8)).clamp(0.3, 1.25) ** 0.5
        return torch.where(made[:, None, None, None], torch.cat([lightness, base[:, 1:] * follow], 1), drawn)

    def _assemble(self, templates: Tensor, colours: Tensor) -> Tensor:
        """Regions' sRGB pictures [N, 4, 3, H, W] and the rest, laid together by what is seen of each."""
        weights = self.weights[templates]
        out = (colours * weights[:, :4, None]).sum(1)
        return (out + self.rest[templates] * weights[:, 4, None]).clamp(0, 1)

    def _light(self, pictures: Tensor, light: Tensor, vary: bool) -> Tensor:
        """Lights whole pictures: a gain a channel, and for side light a fall from left to right."""
        gain = self.gains[light]
        if vary:
            gain = gain * (1 + torch.randn(len(light), 1, device=self.device) * 0.012)
        across = torch.linspace(1.16, 0.8, self.width, device=self.device)
        side = torch.where((light == len(LIGHT_GAINS) - 1)[:, None], across, torch.ones_like(across))
        return (pictures * gain[:, :, None, None] * side[:, None, None, :]).clamp(0, 1)


@lru_cache(maxsize=8)
def _parts(folder: Path, width: int, height: int) -> tuple[Picture, Picture]:
    """A look parted by region: colours [5, H, W, 3] and how much of each is seen [5, H, W]; the fifth is the rest."""
    stack = read_stack(folder)
    body = body_parts(folder, stack)
    plate = stack[0].rgba.shape[:2]
    seen, sums = np.zeros((5, *plate), np.float32), np.zeros((5, *plate, 3), np.float32)
    through = np.ones(plate, np.float32)
    for one in reversed(stack):
        rows, cols = (np.flatnonzero(one.rgba[..., 3].any(axis)) for axis in (1, 0))
        if not len(rows):
            continue
        box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        here = one.rgba[box][..., 3] * through[box]
        through[box] *= 1 - one.rgba[box][..., 3]
        if one.region == "body":
            shares = {REGIONS.index(name): mask[box] for name, mask in body.items()}
            shares[4] = np.clip(1 - body["dress"][box] - body["skin"][box], 0, 1)
        else:
            shares = {REGIONS.index(one.region) if one.region else 4: np.ones_like(here)}
        for at, share in shares.items():
            seen[at][box] += here * share
            sums[at][box] += one.rgba[box][..., :3] * (here * share)[..., None]
    size, area = (width, height), cv2.INTER_AREA
    weights = np.stack([cv2.resize(one, size, interpolation=area) for one in seen])
    colours = np.stack([cv2.resize(one, size, interpolation=area) for one in sums])
    colours /= np.maximum(weights, 1e-3)[..., None]
    # Another template shows of this set what its own host hides.
    colours[3] = cv2.resize(stack[0].rgba[..., :3], size, interpolation=area)
    shown = weights / np.maximum(weights.sum(0, keepdims=True), 1e-6)
    return np.clip(colours, 0, 1).astype(np.float32), shown.astype(np.float32)
