"""Ink: which pixels are dark enough to be it."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Ink differs from paper by at least these levels of 255, and by so many times the paper's grain.
_FAINTEST = 14
_GRAINS = 4.0


def mask_of(ink_u8: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the pixels that are ink, as ``(H, W)`` uint8 of 0 and 255; None where there is none.

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
    return np.asarray(cv2.threshold(ink_u8, threshold, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _floor_of(histogram: NDArray[np.int64]) -> int:
    """Return the level up to which everything may be paper."""
    total = np.cumsum(histogram)
    middle, low = (int(np.searchsorted(total, share * total[-1])) for share in (0.5, 0.16))
    return min(254, max(_FAINTEST, round(middle + _GRAINS * (middle - low))))


def _otsu(histogram: NDArray[np.int64]) -> int:
    """Return Otsu's threshold: the level that separates a histogram into two classes best."""
    below = np.cumsum(histogram, dtype=np.float64)
    mass = np.cumsum(histogram * np.arange(256), dtype=np.float64)
    above = below[-1] - below
    between = (mass[-1] * below - mass * below[-1]) ** 2 / np.maximum(below * above, 1)
    return int(between.argmax())
