"""Augmentation: other pens. Every function takes and returns (N, 1, H, W) float32, 0–255."""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.digits.augmentation.amounts import chance, uniform
from trainer.digits.augmentation.line import lines

WHITE = 255.0


def change_width(images: Tensor, generator: torch.Generator) -> Tensor:
    """Make strokes wider (twice as many images) or thinner by up to about a pixel on each side."""
    amounts = uniform(images, -0.5, 1.0, generator)
    wider = functional.max_pool2d(images, 3, 1, 1)
    thinner = -functional.max_pool2d(-images, 3, 1, 1)
    images = torch.where(amounts > 0, images + amounts * (wider - images), images - amounts * (thinner - images))
    # A marker's stroke: wider again.
    marker = chance(images, 0.15, generator) * uniform(images, 0, 1, generator)
    return images + marker * (functional.max_pool2d(images, 3, 1, 1) - images)


def break_strokes(images: Tensor, generator: torch.Generator) -> Tensor:
    """Erase a thin line from a quarter of the images."""
    return images * (1 - chance(images, 0.25, generator) * lines(images, 0.5, 1.5, generator))


def soften(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur half of the images, as a picture out of focus or an enlarged one."""
    amounts = chance(images, 0.5, generator) * uniform(images, 0, 1, generator)
    blurred = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=True)
    return images + amounts * (blurred - images)


def change_contrast(images: Tensor, generator: torch.Generator) -> Tensor:
    """Make the ink fainter or stronger."""
    return (images * uniform(images, 0.5, 1.6, generator)).clamp(0, WHITE)
