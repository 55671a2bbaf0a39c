"""Typed digits, and digits drawn from skeletons with a hand's unevenness."""

import numpy as np
import torch
from torch import Tensor

from trainer.digits.data import Images
from trainer.digits.synthetic.canvas import Pen, draw, type_glyph
from trainer.digits.synthetic.skeletons import DIGITS

# The rest is drawn from skeletons with an even pen.
FONT_SHARE, WRITTEN_SHARE = 0.3, 0.3


def typed_digits(count: int, random: np.random.Generator) -> Images:
    """Return ``count`` digits, each as frequent as the others."""
    labels = [index % len(DIGITS) for index in range(count)]
    images = [typed_digit(label, random) for label in labels]
    return Images(torch.stack(images).unsqueeze(1), torch.tensor(labels))


def typed_digit(label: int, random: np.random.Generator) -> Tensor:
    """Return one digit, (28, 28) uint8: a font's glyph, or one of its skeletons, typed or written."""
    kind = random.random()
    if kind < FONT_SHARE:
        return type_glyph(str(label), Pen.typed(random))
    pen = Pen.written(random) if kind < FONT_SHARE + WRITTEN_SHARE else Pen.typed(random)
    forms = DIGITS[label]
    return draw(forms[random.integers(len(forms))], pen, random)
