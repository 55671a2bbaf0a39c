"""Random changes of a batch: no image is repeated exactly in a training.

Every image is moved and bent. A share of them also gets another pen (stroke width, breaks, contrast, blur) and residues
of a background (noise, specks, pieces of lines), as they remain when a photograph is cleaned up.
"""

import torch
from torch import Tensor

from trainer.digits.augmentation.affine import distort
from trainer.digits.augmentation.background import add_noise, add_residues
from trainer.digits.augmentation.pen import break_strokes, change_contrast, change_width, soften


def augment(images_u8: Tensor, worn_share: float, generator: torch.Generator) -> Tensor:
    """Change every image of a batch by its own random amounts.

    The batch must be in a random order: its first part is the one that is worn.

    Args:
        images_u8: (N, 1, 28, 28) uint8.
        worn_share: Share (0–1) of the images that are worn; the rest keeps MNIST's own pen.
        generator: On the CPU, so that a seed gives the same numbers on every device.

    Returns:
        (N, 1, 28, 28) float32, 0–255.
    """
    images = distort(images_u8, generator)
    worn = round(len(images) * worn_share)
    return torch.cat([wear(images[:worn], generator), images[worn:]])


def wear(images: Tensor, generator: torch.Generator) -> Tensor:
    """Give (N, 1, H, W) float32 images, 0–255, another pen and residues of a background."""
    images = change_width(images, generator)
    images = break_strokes(images, generator)
    images = add_residues(images, generator)
    images = soften(images, generator)
    return add_noise(change_contrast(images, generator), generator)
