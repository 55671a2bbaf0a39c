"""The training's images: MNIST's, and a share of drawn ones."""

from dataclasses import dataclass

import numpy as np
import torch

from trainer.digits.data import Images
from trainer.digits.synthetic.european import european_digits
from trainer.digits.synthetic.non_digits import non_digits
from trainer.digits.synthetic.typed import typed_digits

# As shares of the handwritten images.
TYPED_SHARE = 0.08
EUROPEAN_SHARE = 0.04
NON_DIGIT_SHARE = 0.07


@dataclass(frozen=True)
class Mixture:
    """What a network is trained on.

    Args:
        images: Everything, ``NO_DIGIT`` among the labels.
        drawn: Number of drawn digits in it.
        non_digits: Number of shapes in it that are no digit.
    """

    images: Images
    drawn: int
    non_digits: int


def mix(digits: Images, seed: int) -> Mixture:
    """Add drawn images to ``digits``; the same seed draws the same."""
    random = np.random.default_rng(seed)
    typed = typed_digits(round(len(digits) * TYPED_SHARE), random)
    european = european_digits(digits, round(len(digits) * EUROPEAN_SHARE), random)
    others = non_digits(digits, round(len(digits) * NON_DIGIT_SHARE), random)
    parts = (digits, typed, european, others)
    images = Images(torch.cat([part.images_u8 for part in parts]), torch.cat([part.labels for part in parts]))
    return Mixture(images, len(typed) + len(european), len(others))
