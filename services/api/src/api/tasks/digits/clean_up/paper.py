"""Paper: its level at every pixel, and how far ink lies from it. Light may differ over the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMBNAIL_PX = 96
# Strokes are narrower than this share of the picture; shadows, boards and desks are wider.
_WIDEST_STROKE = 0.27
# Division by the paper's level evens out light; below this level it would raise noise instead.
_DARKEST_PAPER = np.uint8(48)


def ink_on(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how far each pixel lies from the paper, towards ink.

    Args:
        grey_u8: ``(H, W)``, either polarity.

    Returns:
        ``(H, W)`` uint8: 0 is paper, 255 is black ink on white, or white on black.
    """
    thumbnail = _thumbnail_of(grey_u8)
    if not _has_dark_ink(thumbnail):
        grey_u8, thumbnail = ~grey_u8, ~thumbnail
        lightest = float(np.percentile(thumbnail, 95))
        level = _level(thumbnail, grey_u8.shape)
        # Light on dark: what is written reflects, what it is written on doesn't, so there is nothing to divide by.
        return np.asarray(cv2.convertScaleAbs(cv2.subtract(level, grey_u8), alpha=255 / max(lightest, 128.0)), np.uint8)
    level = _level(thumbnail, grey_u8.shape)
    below = cv2.subtract(level, grey_u8)
    return np.asarray(cv2.divide(below, np.maximum(level, _DARKEST_PAPER), scale=255), np.uint8)


def _thumbnail_of(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = min(1.0, _THUMBNAIL_PX / max(grey_u8.shape))
    size = (max(1, round(grey_u8.shape[1] * scale)), max(1, round(grey_u8.shape[0] * scale)))
    return np.asarray(cv2.resize(grey_u8, size, interpolation=cv2.INTER_AREA), np.uint8)


def _has_dark_ink(thumbnail: NDArray[np.uint8]) -> bool:
    """Say whether more lies below the local middle level than above."""
    window = min(max(thumbnail.shape) // 2, 127) | 1
    # Mirrored at its edges, so that a strip along an edge isn't most of a window.
    half = window // 2
    mirrored = cv2.copyMakeBorder(thumbnail, half, half, half, half, cv2.BORDER_REFLECT_101)
    middle = cv2.medianBlur(mirrored, window)[half:-half, half:-half]
    away = cv2.subtract(thumbnail, middle, dtype=cv2.CV_32F)
    strong = 0.4 * float(np.abs(away).max())
    return float(-away[away < -strong].sum()) >= float(away[away > strong].sum())


def _level(thumbnail: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the level of light paper at every pixel: closing removes what is dark and narrow."""
    side = max(3, round(_WIDEST_STROKE * max(thumbnail.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    level = cv2.morphologyEx(cv2.medianBlur(thumbnail, 3), cv2.MORPH_CLOSE, kernel)
    return np.asarray(cv2.resize(level, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
