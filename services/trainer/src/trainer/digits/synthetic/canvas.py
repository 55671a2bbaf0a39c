"""Strokes and glyphs as images in MNIST's format."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from trainer.digits.mnist_format import BOX_PX, centre

# Drawn at about five times MNIST's scale, then reduced: Pillow draws without antialiasing.
SIDE_PX = 144
HEIGHT_PX = 96
MARGIN_PX = (SIDE_PX - HEIGHT_PX) / 2
WHITE = 255
ITALIC_SHARE = 0.3

Points = NDArray[np.float64]  # (N, 2): x, y of a stroke, in a unit square with y downwards


@dataclass(frozen=True)
class Pen:
    """How a shape is drawn.

    Args:
        width: Of the stroke, as a share of the shape's height.
        aspect: Width of the shape as a share of its height.
        slant: Shift to the right of the top, as a share of the height.
        wobble: Amplitude of a slow wave along the strokes, as a share of the height.
    """

    width: float
    aspect: float
    slant: float
    wobble: float

    @classmethod
    def typed(cls, random: np.random.Generator) -> "Pen":
        """Return a font's weight, width and slant."""
        slant = random.uniform(0.05, 0.3) if random.random() < ITALIC_SHARE else 0.0
        return cls(random.uniform(0.05, 0.24), random.uniform(0.45, 0.8), slant, 0.0)

    @classmethod
    def written(cls, random: np.random.Generator) -> "Pen":
        """Return a hand's: uneven, and leaning to either side."""
        width, aspect = random.uniform(0.05, 0.2), random.uniform(0.4, 0.9)
        return cls(width, aspect, random.uniform(-0.1, 0.35), random.uniform(0.0, 0.05))


def draw(strokes: Sequence[Points], pen: Pen, random: np.random.Generator) -> Tensor:
    """Draw strokes with round ends.

    Args:
        strokes: In the unit square.
        pen: How.
        random: Of the wobble.

    Returns:
        (28, 28) uint8.
    """
    image = Image.new("L", (SIDE_PX, SIDE_PX))
    ink = ImageDraw.Draw(image)
    width_px = max(2, round(pen.width * HEIGHT_PX))
    phase, pace = random.uniform(0, 2 * math.pi, 2), random.uniform(3, 8)
    for stroke in strokes:
        wave = pen.wobble * np.sin(pace * stroke[:, ::-1] + phase)
        x, y = (stroke + wave).T
        x = x * pen.aspect + (1 - y) * pen.slant
        points = np.stack([x, y], 1) * HEIGHT_PX + MARGIN_PX
        corners = [(float(right), float(down)) for right, down in points]
        ink.line(corners, WHITE, width_px, joint="curve")
        for end in (corners[0], corners[-1]):
            ink.circle(end, width_px / 2, WHITE)
    return to_mnist(image)


def type_glyph(glyph: str, pen: Pen) -> Tensor:
    """Draw one character of Pillow's own font: (28, 28) uint8. The pen's width thickens the font's."""
    image = Image.new("L", (SIDE_PX, SIDE_PX))
    font = ImageFont.load_default(HEIGHT_PX)
    thicker_px = max(0, round((pen.width - 0.1) * HEIGHT_PX / 2))
    middle = (SIDE_PX / 2, SIDE_PX / 2)
    ImageDraw.Draw(image).text(middle, glyph, WHITE, font, anchor="mm", stroke_width=thicker_px)
    # Pillow wants the inverse: where in the source each pixel of the result lies.
    stretch = 0.65 / pen.aspect
    shift = SIDE_PX / 2 * (1 - stretch - pen.slant)
    slanted = (stretch, pen.slant, shift, 0.0, 1.0, 0.0)
    return to_mnist(image.transform(image.size, Image.Transform.AFFINE, slanted, Image.Resampling.BILINEAR))


def to_mnist(image: Image.Image) -> Tensor:
    """Crop a picture (mode L, white on black, not empty) to its ink, and bring it into MNIST's format.

    Returns:
        (28, 28) uint8.
    """
    ink = image.crop(image.getbbox())
    scale = BOX_PX / max(ink.size)
    width_px, height_px = (max(1, round(side * scale)) for side in ink.size)
    small = np.asarray(ink.resize((width_px, height_px), Image.Resampling.BOX), np.float32)
    return centre(torch.from_numpy(small / WHITE))
