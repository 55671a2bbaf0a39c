"""Small random affine changes: rotation, scale, shear and shift."""

import math

import torch
from torch import Tensor
from torch.nn import functional

# Largest deviations, uniform in both directions. Deviations half as large again did not improve the accuracy.
ROTATION_DEG = 10.0
SCALE = 0.08
SHEAR = 0.14
SHIFT_PX = 1.5


def distort(images_u8: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate, scale, shear and shift every image of a batch by its own random amount.

    The batch takes one matrix an image and one bilinear sampling, about 1 ms for 256 images on one core.

    Args:
        images_u8: (N, 1, H, W) uint8.
        generator: On the CPU, so that a seed gives the same numbers on every device.

    Returns:
        (N, 1, H, W) float32, 0–255.
    """
    count, _, _, width = images_u8.shape
    matrices = random_affine(count, width, generator).to(images_u8.device, non_blocking=True)
    grid = functional.affine_grid(matrices, list(images_u8.shape), align_corners=False)  # (N, H, W, 2)
    return functional.grid_sample(images_u8.to(torch.float32), grid, align_corners=False)


def random_affine(count: int, width_px: int, generator: torch.Generator) -> Tensor:
    """Draw affine matrices in the coordinates of ``affine_grid``, in which an image spans -1 to 1.

    Returns:
        (count, 2, 3) float32.
    """
    angle, scale_x, scale_y, shear, shift_x, shift_y = torch.rand(6, count, generator=generator) * 2 - 1
    angle = angle * math.radians(ROTATION_DEG)
    scale_x, scale_y = 1 + scale_x * SCALE, 1 + scale_y * SCALE
    shift = torch.stack([shift_x, shift_y], 1) * (2 * SHIFT_PX / width_px)  # (count, 2)
    top = torch.stack([angle.cos() * scale_x, -angle.sin() * scale_y + shear * SHEAR], 1)
    bottom = torch.stack([angle.sin() * scale_x, angle.cos() * scale_y], 1)
    return torch.cat([torch.stack([top, bottom], 1), shift.unsqueeze(2)], 2)
