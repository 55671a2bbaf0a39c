"""Paper: its level at every pixel, and how far ink lies from it. Light may differ over the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMBNAIL_PX = 96
# Strokes are narrower than this share of the picture; shadows, boards and desks are wider.
_WIDEST_STROKE = 0.27
# Share of the picture that is its rim, and of the largest distance from it that counts.
_RIM, _STRONG = 0.05, 0.6
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
    """Say whether more lies far below the level of the picture's rim than far above."""
    rim = max(1, round(_RIM * max(thumbnail.shape)))
    inner = thumbnail[rim:-rim, rim:-rim]
    edges = np.concatenate([each.ravel() for each in (thumbnail[:rim], thumbnail[-rim:], *_sides(thumbnail, rim))])
    away = (inner if inner.size else thumbnail).astype(np.float32) - np.median(edges)
    strong = _STRONG * float(np.abs(away).max())
    return float(-away[away < -strong].sum()) >= float(away[away > strong].sum())


def _sides(thumbnail: NDArray[np.uint8], rim: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return thumbnail[rim:-rim, :rim], thumbnail[rim:-rim, -rim:]


def _level(thumbnail: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the level of light paper at every pixel: closing removes what is dark and narrow."""
    side = max(3, round(_WIDEST_STROKE * max(thumbnail.shape))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    level = cv2.morphologyEx(cv2.medianBlur(thumbnail, 3), cv2.MORPH_CLOSE, kernel)
    return np.asarray(cv2.resize(level, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
