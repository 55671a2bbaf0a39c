"""Handwritten digits with what Europeans add: a flag on the 1, a bar across the 7."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from trainer.digits.data import Images
from trainer.digits.synthetic.canvas import WHITE, to_mnist

ONE, SEVEN = 1, 7
SCALE = 4
INK_U8 = 100
# A flag that is nearly horizontal would make a 7, and so would one on a 1 that leans far to the right.
FLAG_DEG = (32.0, 65.0)
WIDEST_ONE_PX = 8
FOOT_SHARE = 0.3


def european_digits(images: Images, count: int, random: np.random.Generator) -> Images:
    """Return ``count`` images, half of them flagged 1s, half crossed 7s, made from those in ``images``.

    There are fewer if ``images`` has no 1 or no 7.
    """
    changed: list[Tensor] = []
    labels: list[int] = []
    for label, change in ((ONE, add_flag), (SEVEN, add_bar)):
        sources = images.images_u8[images.labels == label]
        if label == ONE:
            sources = sources[is_upright(sources)]
        if len(sources):
            picked = random.integers(len(sources), size=count // 2)
            changed += [change(sources[int(index), 0], random) for index in picked]
            labels += [label] * len(picked)
    if not changed:
        return images.pick(torch.zeros(0, dtype=torch.int64))
    return Images(torch.stack(changed).unsqueeze(1), torch.tensor(labels))


def is_upright(images_u8: Tensor) -> Tensor:
    """Return for each of (N, 1, 28, 28) uint8 whether its ink is narrow: (N,) bool."""
    has_ink = (images_u8 > INK_U8).any(2).squeeze(1)  # (N, 28), by column
    return has_ink.sum(1) <= WIDEST_ONE_PX


def add_flag(one_u8: Tensor, random: np.random.Generator) -> Tensor:
    """Add a stroke that falls to the left from the top of a 1: (28, 28) uint8 to the same."""
    ink = np.argwhere(one_u8.numpy() > INK_U8)
    top_y = ink[:, 0].min()
    top_x = ink[ink[:, 0] <= top_y + 1, 1].mean()
    angle = math.radians(random.uniform(*FLAG_DEG))
    length_px = random.uniform(5, 11)
    start = np.array([top_x + 0.5, top_y + 1.0])
    stop = start + length_px * np.array([-math.cos(angle), math.sin(angle)])
    lines = [(start, stop)]
    if random.random() < FOOT_SHARE:
        bottom_y = ink[:, 0].max()
        bottom_x = ink[ink[:, 0] >= bottom_y - 1, 1].mean()
        half_px = random.uniform(3, 6)
        lines.append((np.array([bottom_x - half_px, bottom_y]), np.array([bottom_x + half_px, bottom_y])))
    return _with_lines(one_u8, lines, random)


def add_bar(seven_u8: Tensor, random: np.random.Generator) -> Tensor:
    """Add a bar across the stem of a 7: (28, 28) uint8 to the same."""
    ink = np.argwhere(seven_u8.numpy() > INK_U8)
    top_y, bottom_y = ink[:, 0].min(), ink[:, 0].max()
    y = top_y + random.uniform(0.42, 0.62) * (bottom_y - top_y)
    x = ink[np.abs(ink[:, 0] - y) <= 1, 1].mean() + 0.5
    half = np.array([random.uniform(3, 6.5), random.uniform(-1.5, 1.5)])
    middle = np.array([x + random.uniform(-1, 1), y])
    return _with_lines(seven_u8, [(middle - half, middle + half)], random)


def _with_lines(
    image_u8: Tensor, lines: list[tuple[NDArray[np.float64], NDArray[np.float64]]], random: np.random.Generator
) -> Tensor:
    side_px = image_u8.shape[0] * SCALE
    picture = Image.fromarray(image_u8.numpy()).resize((side_px, side_px), Image.Resampling.BICUBIC)
    ink = ImageDraw.Draw(picture)
    width_px = round(random.uniform(1.5, 3.2) * SCALE)
    for start, stop in lines:
        corners = [(float(point[0]) * SCALE, float(point[1]) * SCALE) for point in (start, stop)]
        ink.line(corners, WHITE, width_px)
        for end in corners:
            ink.circle(end, width_px / 2, WHITE)
    return to_mnist(picture)
