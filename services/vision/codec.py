"""The embedded base's codec: a picture cut into blocks, each a few principal components.

The components are fitted to pictures once (`fit`), the residual decoder is trained and starts at nothing, so that
an untrained codec already shows what the components hold.
"""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F


class BlockCodec(ModelMixin, ConfigMixin):
    """Pictures [N, 3, H, W] in −1..1 to latents [N, channels, H / block, W / block] of unit scale, and back."""

    @register_to_config
    def __init__(self, block: int = 8, channels: int = 24, hidden: int = 96, depth: int = 3) -> None:
        super().__init__()
        size = 3 * block * block
        self.register_buffer("basis", torch.zeros(channels, size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(channels))
        layers: list[nn.Module] = [nn.Conv2d(channels, hidden, 3, padding=1), nn.SiLU()]
        for _ in range(depth - 1):
            layers += [nn.Conv2d(hidden, hidden, 3, padding=1), nn.SiLU()]
        self.residual = nn.Sequential(*layers, nn.Conv2d(hidden, size, 3, padding=1))
        nn.init.zeros_(self.residual[-1].weight)
        nn.init.zeros_(self.residual[-1].bias)

    @property
    def block(self) -> int:
        """Picture pixels along a side of one latent."""
        return int(self.config.block)

    def fit(self, pictures: Tensor) -> None:
        """Takes the principal components of pictures' blocks; pictures [N, 3, H, W] in −1..1."""
        blocks = F.pixel_unshuffle(pictures.float(), self.block)
        rows = blocks.permute(0, 2, 3, 1).reshape(-1, blocks.shape[1])
        mean = rows.mean(0)
        centred = rows - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
        count = self.basis.shape[0]
        basis = vectors[:, -count:].flip(1).T
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        # The fourth root keeps small components worth learning without drowning colour in texture.
        spread = values[-count:].flip(0).clamp(min=1e-8)
        self.scale.copy_(spread**0.25)
        unit = (centred @ basis.T.to(centred) / self.scale).std()
        self.scale.mul_(unit)

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures."""
        blocks = F.pixel_unshuffle(pictures, self.block) - self.mean[:, None, None]
        latents = torch.einsum("cs,nshw->nchw", self.basis, blocks)
        return latents / self.scale[:, None, None]

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures of latents."""
        blocks = torch.einsum("cs,nchw->nshw", self.basis, latents * self.scale[:, None, None])
        return F.pixel_shuffle(blocks + self.mean[:, None, None] + self.residual(latents), self.block)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures through the codec and back."""
        return self.decode(self.encode(pictures))
