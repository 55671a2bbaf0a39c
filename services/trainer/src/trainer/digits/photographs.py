"""Photographs of digits, as a clean-up leaves them: what the confidence is calibrated on, beside clean images.

Independent of the augmentation: a digit is enlarged, drawn with another pen on unevenly lit paper, photographed (blur,
sensor noise, JPEG), and then cleaned up and brought into MNIST's format again.
"""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor
from torch.nn import functional

from trainer.digits.data import Images
from trainer.digits.synthetic.canvas import WHITE, to_mnist

SIDE_PX = 112
# Darker than the paper by this share of the darkest ink: ink.
INK_THRESHOLD = 0.35
# What a pen adds to a stroke's width, at four times MNIST's scale.
WIDTHS_PX = (-4, -2, 0, 2, 4, 6)
# A quarter each has a broken stroke, and a piece of a rule or another residue.
BREAK_SHARE, RESIDUE_SHARE = 0.25, 0.25


def photographs(images: Images, seed: int) -> Images:
    """Return a photograph of each image, cleaned up, with the same labels; the same seed takes the same."""
    random = np.random.default_rng(seed)
    taken = [photograph(image, random) for image in images.images_u8[:, 0].numpy()]
    return Images(torch.stack(taken).unsqueeze(1), images.labels)


def photograph(digit_u8: NDArray[np.uint8], random: np.random.Generator) -> Tensor:
    """Return one digit, (28, 28) uint8, after paper, camera and clean-up: (28, 28) uint8."""
    ink = _drawn_anew(digit_u8, random)
    ink_level = random.uniform(0.35, 1.0)
    photo = _compressed(
        _paper(random) * (1 - ink_level * ink) + random.normal(0, random.uniform(1, 9), ink.shape), random
    )
    return _cleaned_up(photo)


def _drawn_anew(digit_u8: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float32]:
    """Return the digit enlarged and drawn with another pen, a little rotated and slanted: (112, 112), 0–1."""
    picture = Image.fromarray(digit_u8).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    picture = _widened(picture, WIDTHS_PX[random.integers(len(WIDTHS_PX))])
    slant, stretch = random.uniform(-0.15, 0.15), random.uniform(0.85, 1.15)
    middle = SIDE_PX / 2
    matrix = (stretch, slant, middle * (1 - stretch - slant), 0.0, 1.0, 0.0)
    picture = picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    picture = picture.rotate(random.uniform(-10, 10), Image.Resampling.BILINEAR)
    _damage(picture, random)
    picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 3)))
    share: NDArray[np.float32] = np.asarray(picture, np.float32) / np.float32(WHITE)
    return share


def _widened(picture: Image.Image, by_px: int) -> Image.Image:
    """Make bright strokes wider, or thinner, by an even number of pixels. Pillow's own filter is 20 times as slow."""
    levels = torch.from_numpy(np.asarray(picture, np.float32))[None]
    sign = 1 if by_px > 0 else -1
    widened = sign * functional.max_pool2d(sign * levels, abs(by_px) + 1, 1, abs(by_px) // 2)
    return Image.fromarray(widened[0].numpy().astype(np.uint8))


def _damage(picture: Image.Image, random: np.random.Generator) -> None:
    """Break strokes by a thin line, and add pieces of a rule and specks, in place."""
    pen = ImageDraw.Draw(picture)
    if random.random() < BREAK_SHARE:
        pen.line([*map(float, random.uniform(20, 92, 4))], 0, int(random.integers(2, 6)))
    if random.random() < RESIDUE_SHARE:
        x, y, length = (float(value) for value in random.uniform((20, 20, 8), (80, 92, 30)))
        pen.line([x, y, x + length, y + float(random.uniform(-2, 2))], int(random.integers(90, 255)), 3)
    if random.random() < RESIDUE_SHARE:
        for x, y in random.uniform(16, 96, (int(random.integers(1, 5)), 2)):
            pen.circle((float(x), float(y)), float(random.uniform(1, 3)), int(random.integers(90, 255)))


def _paper(random: np.random.Generator) -> NDArray[np.float32]:
    """Return paper that a lamp lights from one side: (112, 112) grey levels."""
    direction = random.uniform(-1, 1, 2)
    steps = np.linspace(-0.5, 0.5, SIDE_PX)
    slope = direction[0] * steps[:, None] + direction[1] * steps
    paper: NDArray[np.float32] = (random.uniform(140, 230) * (1 + 0.35 * slope)).astype(np.float32)
    return paper


def _compressed(photo: NDArray[np.float64], random: np.random.Generator) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(photo.clip(0, WHITE).astype(np.uint8)).save(file, "JPEG", quality=int(random.integers(25, 92)))
    return Image.open(file)


def _cleaned_up(photo: Image.Image) -> Tensor:
    """Subtract the paper, drop what is faint, and bring the rest into MNIST's format."""
    # The brightest level around a pixel, smoothed, is the paper's.
    small = photo.resize((SIDE_PX // 4, SIDE_PX // 4), Image.Resampling.BOX)
    paper = _widened(small, 12).filter(ImageFilter.GaussianBlur(4)).resize(photo.size)
    darkness = np.asarray(paper, np.float32) - np.asarray(photo, np.float32)
    share = (darkness / max(1.0, float(np.percentile(darkness, 99)))).clip(0, 1)
    ink = np.where(share > INK_THRESHOLD, share, 0)
    return to_mnist(Image.fromarray((ink * WHITE).astype(np.uint8)))
