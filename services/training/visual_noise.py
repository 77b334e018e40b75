"""The noise that a picture is trained under, what is to be predicted from it, and how each noise level weighs.

Schedules are those of Stable Diffusion: `signal` is the cumulative product of alphas, 1 (no noise) to 0 (only noise).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "sample"]


def noise_like(latents: Tensor, *, offset: float) -> Tensor:
    """Noise for latents [N, C, h, w]; `offset` adds one number to a whole channel, so that a picture's overall light
    is learnt too (noise offset)."""
    noise = torch.randn_like(latents)
    if offset:
        noise = noise + offset * torch.randn(
            *latents.shape[:2], 1, 1, device=latents.device, dtype=latents.dtype
        )
    return noise


def noised(latents: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """Latents under noise; `signal` [N] of each."""
    share = signal[:, None, None, None]
    return share.sqrt() * latents + (1 - share).sqrt() * noise


def wanted(latents: Tensor, noise: Tensor, signal: Tensor, prediction: Prediction) -> Tensor:
    """What the UNet is to predict: the noise, the velocity (Salimans and Ho 2022, appendix D), or the latents."""
    match prediction:
        case "epsilon":
            return noise
        case "v_prediction":
            share = signal[:, None, None, None]
            return share.sqrt() * noise - (1 - share).sqrt() * latents
        case "sample":
            return latents


def level_weights(signal: Tensor, prediction: Prediction, gamma: float | None) -> Tensor:
    """The weight of each row [N]: all 1 without `gamma`, else Min-SNR-γ (Hang et al. 2023), whose weight of the
    predicted latents, min(SNR, γ), is divided by what the prediction itself already weighs."""
    if gamma is None:
        return torch.ones_like(signal)
    snr = signal / (1 - signal).clamp(min=1e-8)
    kept = snr.clamp(max=gamma)
    match prediction:
        case "epsilon":
            return kept / snr.clamp(min=1e-8)
        case "v_prediction":
            return kept / (snr + 1)
        case "sample":
            return kept
