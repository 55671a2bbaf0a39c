"""Augmentation: straight lines, drawn for a whole batch at once."""

import math

import torch
from torch import Tensor

from trainer.digits.augmentation.amounts import chance, uniform


def lines(images: Tensor, thinnest_px: float, widest_px: float, generator: torch.Generator) -> Tensor:
    """Return one line an image, of random angle, place and width, from edge to edge.

    Args:
        images: (N, 1, H, W); for its size and device.
        thinnest_px: Least width.
        widest_px: Largest width.
        generator: On the CPU.

    Returns:
        (N, 1, H, W) float32, 1 on the line, 0 beside it.
    """
    reach_px = images.shape[-1] * 0.4
    return _band(
        images, uniform(images, 0, math.pi, generator), (-reach_px, reach_px), (thinnest_px, widest_px), generator
    )


def rules(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return a piece of a rule an image, nearly horizontal or vertical, of 1 to 2.5 px: (N, 1, H, W) float32, 0–1."""
    side_px = images.shape[-1]
    upright = chance(images, 0.5, generator) * (math.pi / 2)
    angle = upright + uniform(images, -0.1, 0.1, generator)
    rule = _band(images, angle, (-side_px * 0.5, side_px * 0.5), (1.0, 2.5), generator)
    # Only a part of it remains, on one side of a cut.
    cut = _band(images, angle + math.pi / 2, (-side_px * 0.6, side_px * 0.6), (side_px * 0.3, side_px), generator)
    return rule * cut


def _band(
    images: Tensor,
    angle_rad: Tensor,
    offset_px: tuple[float, float],
    width_px: tuple[float, float],
    generator: torch.Generator,
) -> Tensor:
    places = torch.arange(images.shape[-1], device=images.device) - (images.shape[-1] - 1) / 2
    distance = places * angle_rad.cos() + places.unsqueeze(1) * angle_rad.sin() - uniform(images, *offset_px, generator)
    half_px = uniform(images, width_px[0] / 2, width_px[1] / 2, generator)
    return (half_px + 0.5 - distance.abs()).clamp(0, 1)  # (N, 1, H, W)
