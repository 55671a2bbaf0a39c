"""Ink: which pixels are dark enough to be it."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

# Ink differs from paper by at least these levels of 255, and by so many times the paper's grain.
_FAINTEST = 18
_GRAINS = 4.0
_IS_INK = 0.6  # of the strongest ink
# A stroke may fade to this share of the threshold, as under glare.
_FAINT_SHARE = 0.4


class Ink(NamedTuple):
    """Pixels that are ink.

    Attributes:
        mask_u8: ``(H, W)`` of 0 and 255.
        faint_u8: The same with what may be ink where it continues a stroke.
    """

    mask_u8: NDArray[np.uint8]
    faint_u8: NDArray[np.uint8]


def find_ink(ink_u8: NDArray[np.uint8]) -> Ink | None:
    """Return the pixels that are ink; None where there are none.

    Args:
        ink_u8: ``(H, W)``, distance from paper.
    """
    histogram = np.bincount(ink_u8[::2, ::2].ravel(), minlength=256)
    floor = _floor_of(histogram)
    above = histogram.copy()
    above[: floor + 1] = 0
    if not above.any() and int(ink_u8.max()) <= floor:
        return None
    threshold = max(floor, _otsu(above))
    return Ink(_above(ink_u8, threshold), _above(ink_u8, max(floor, round(_FAINT_SHARE * threshold))))


def _above(ink_u8: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.threshold(ink_u8, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _floor_of(histogram: NDArray[np.int64]) -> int:
    """Return the level up to which everything may be paper."""
    total = np.cumsum(histogram)
    low, middle, high, ink = (int(np.searchsorted(total, share * total[-1])) for share in (0.16, 0.5, 0.75, 0.995))
    # Where much of the picture is ink, the upper quartile or the median says nothing of the paper.
    if middle > _IS_INK * ink > _IS_INK * _FAINTEST:
        return _FAINTEST
    grain = max(middle - low, 0 if high > _IS_INK * ink else high - middle)
    return min(254, max(_FAINTEST, round(middle + _GRAINS * grain)))


def _otsu(histogram: NDArray[np.int64]) -> int:
    """Return Otsu's threshold: the level that separates a histogram into two classes best."""
    below = np.cumsum(histogram, dtype=np.float64)
    mass = np.cumsum(histogram * np.arange(256), dtype=np.float64)
    above = below[-1] - below
    between = (mass[-1] * below - mass * below[-1]) ** 2 / np.maximum(below * above, 1)
    return int(between.argmax())
