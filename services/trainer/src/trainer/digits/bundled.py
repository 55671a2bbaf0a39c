"""The fallback data set: scikit-learn's bundled handwritten digits, converted to MNIST's format.

1,797 images of 8×8 px with 17 grey levels. Source: https://archive.ics.uci.edu/dataset/80 and, for MNIST's format
(20 px box, centre of mass in the middle of 28×28), http://yann.lecun.com/exdb/mnist/.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

from trainer.digits.mnist_format import BOX_PX, centre

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREY_LEVELS = 16.0
# Enlarged strokes are wide and pale; this gives them about MNIST's shares of white and grey.
CONTRAST = 1.8
BLACK_POINT = 0.3


def load() -> tuple[Tensor, Tensor]:
    """Return all digits in MNIST's format.

    Returns:
        Images (1797, 1, 28, 28) uint8, white on black, and labels (1797,) int64.
    """
    bundle = load_digits()
    small: NDArray[np.float64] = bundle.images
    images = torch.stack([centre(enlarge(torch.from_numpy(image).float() / GREY_LEVELS)) for image in small])
    return images.unsqueeze(1), torch.from_numpy(bundle.target.astype(np.int64))


def enlarge(image: Tensor) -> Tensor:
    """Crop a small image to its ink and scale it until its longer side fills the box.

    Args:
        image: (H, W) float32, 0–1; not empty.

    Returns:
        (h, w) float32, 0–1, with ``max(h, w) == 20``.
    """
    rows, columns = (image > 0).nonzero(as_tuple=True)
    ink = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = BOX_PX / max(ink.shape)
    size = [max(1, round(side * scale)) for side in ink.shape]
    large = functional.interpolate(ink[None, None], size=size, mode="bicubic", align_corners=False)[0, 0]
    return ((large - BLACK_POINT) * CONTRAST).clamp(0, 1)
