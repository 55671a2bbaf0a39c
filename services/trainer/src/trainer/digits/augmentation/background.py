"""Augmentation: what a clean-up leaves of a background. Images are (N, 1, H, W) float32, 0–255."""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.digits.augmentation.amounts import chance, uniform
from trainer.digits.augmentation.line import rules

WHITE = 255.0
SPECKS_A_PIXEL = 0.003
CLOUD_CELLS = 6


def add_residues(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add a piece of a rule to a quarter of the images, and specks of dust to a fifth."""
    rule = chance(images, 0.25, generator) * uniform(images, 80, WHITE, generator) * rules(images, generator)
    seeds = (torch.rand(images.shape, generator=generator) < SPECKS_A_PIXEL).to(torch.float32).to(images.device)
    specks = chance(images, 0.2, generator) * uniform(images, 60, WHITE, generator)
    specks = specks * functional.max_pool2d(seeds, 2, 1, 1)[..., :-1, :-1]
    return torch.maximum(images, torch.maximum(rule, specks))


def add_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add grain to a third of the images, and an uneven grey to a sixth."""
    grain = torch.rand(images.shape, generator=generator).to(images.device) - 0.5
    grain = grain * chance(images, 0.33, generator) * uniform(images, 0, 100, generator)
    cells = torch.rand(len(images), 1, CLOUD_CELLS, CLOUD_CELLS, generator=generator).to(images.device)
    cloud = functional.interpolate(cells, size=images.shape[-2:], mode="bilinear", align_corners=False)
    cloud = cloud * chance(images, 0.17, generator) * uniform(images, 0, 70, generator)
    return (images + grain + cloud).clamp(0, WHITE)
