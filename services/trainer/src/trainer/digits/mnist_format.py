"""MNIST's format: ink in a box of 20 px, its centre of mass in the middle of 28×28.

Source: http://yann.lecun.com/exdb/mnist/.
"""

import torch
from torch import Tensor

from trainer.digits.contract import IMAGE_PX

BOX_PX = 20


def centre(ink: Tensor) -> Tensor:
    """Put ink into an empty MNIST image, its centre of mass in the middle.

    Args:
        ink: (h, w) float32, 0–1, at most 28 px a side; not empty.

    Returns:
        (28, 28) uint8, 0–255.
    """
    height, width = ink.shape
    mass = ink.sum()
    centre_y = float((ink.sum(1) * torch.arange(height)).sum() / mass) + 0.5
    centre_x = float((ink.sum(0) * torch.arange(width)).sum() / mass) + 0.5
    top = min(max(round(IMAGE_PX / 2 - centre_y), 0), IMAGE_PX - height)
    left = min(max(round(IMAGE_PX / 2 - centre_x), 0), IMAGE_PX - width)
    canvas = torch.zeros(IMAGE_PX, IMAGE_PX, dtype=torch.uint8)
    canvas[top : top + height, left : left + width] = (ink * 255).round().to(torch.uint8)
    return canvas
