"""Shapes that are no digit: letters, signs, scribbles, noise, pieces of pictures and pairs of digits.

The training gives them every digit with equal probability (outlier exposure; Source: Hendrycks et al.,
https://arxiv.org/abs/1812.04606), so that such a picture gets a low confidence.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from trainer.digits.data import NO_DIGIT, Images
from trainer.digits.mnist_format import centre
from trainer.digits.synthetic.canvas import WHITE, Pen, Points, draw, to_mnist, type_glyph
from trainer.digits.synthetic.skeletons import SIGNS

if TYPE_CHECKING:
    from collections.abc import Callable

TWO_LEVELS_SHARE = 0.7
LETTERS = "AEFHKMNPRTVWXhkmnpwx&@#+=%*"


def non_digits(digits: Images, count: int, random: np.random.Generator) -> Images:
    """Return ``count`` shapes with the label ``NO_DIGIT``; the pairs are made from ``digits``."""
    kinds: list[Callable[[], Tensor]] = [
        lambda: type_glyph(LETTERS[random.integers(len(LETTERS))], Pen.typed(random)),
        lambda: draw(SIGNS[random.integers(len(SIGNS))], Pen.written(random), random),
        lambda: draw([scribble(random)], Pen(random.uniform(0.03, 0.12), 1.0, 0.0, 0.0), random),
        lambda: blobs(random),
        lambda: pair(digits, random),
        lambda: draw(SIGNS[random.integers(len(SIGNS))], Pen.typed(random), random),
    ]
    images = [kinds[index % len(kinds)]() for index in range(count)]
    return Images(torch.stack(images).unsqueeze(1), torch.full((count,), NO_DIGIT))


def scribble(random: np.random.Generator) -> Points:
    """Return a line with several loops and turns: more than any digit has."""
    time = np.linspace(0, 2 * math.pi, 160)
    speeds, phases = random.integers(3, 8, (2, 3)), random.uniform(0, 2 * math.pi, (2, 3))
    waves = np.sin(speeds[:, :, None] * time + phases[:, :, None]).sum(1)  # (2, 160)
    low, high = waves.min(1, keepdims=True), waves.max(1, keepdims=True)
    points: Points = ((waves - low) / (high - low)).T
    return points


def blobs(random: np.random.Generator) -> Tensor:
    """Return smooth noise above a threshold, or with its grey levels, as dirt and textures leave it."""
    cells = int(random.integers(3, 15))
    noise = random.random((cells, cells), np.float32)
    picture = Image.fromarray((noise * WHITE).astype(np.uint8)).resize((56, 56), Image.Resampling.BICUBIC)
    if random.random() < TWO_LEVELS_SHARE:
        threshold = int(random.integers(90, 190))
        picture = picture.point(lambda level: WHITE if level > threshold else 0)
    return to_mnist(picture) if picture.getbbox() else blobs(random)


def pair(digits: Images, random: np.random.Generator) -> Tensor:
    """Return two digits side by side: one picture, but not one digit."""
    left, right = (digits.images_u8[int(index), 0].numpy() for index in random.integers(len(digits), size=2))
    gap = int(random.integers(0, 5))
    both = np.concatenate([left[:, 4 : 24 - gap // 2], right[:, 4 + gap - gap // 2 : 24]], 1)
    small = np.asarray(Image.fromarray(both).resize((22, 16), Image.Resampling.BOX), np.float32)
    return centre(torch.from_numpy(small / WHITE))
