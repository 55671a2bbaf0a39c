"""Random numbers for the augmentation, one or a few an image."""

import torch
from torch import Tensor


def uniform(like: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Return (N, 1, 1, 1) float32 in [low, high) on the device of ``like`` (N, …)."""
    amounts = torch.rand(len(like), 1, 1, 1, generator=generator) * (high - low) + low
    return amounts.to(like.device, non_blocking=True)


def chance(like: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return (N, 1, 1, 1) float32 on the device of ``like``: 1 for about ``share`` of the images, else 0."""
    return (uniform(like, 0, 1, generator) < share).to(torch.float32)
