"""Contrast: the grey in which ink stands out from paper; a channel of colour where brightness has none."""

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMBNAIL_PX = 160
# Colour has to show this much more than brightness does: JPEG stores it coarsely.
_COLOUR_ADVANTAGE = 2.0
_MIN_COLOUR = 10.0
# Where a channel of colour is used, paper gets this level, and ink lies so many below.
_PAPER_LEVEL, _INK_LEVELS = 200.0, 120.0


def grey_of(pixels_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(H, W)`` uint8 from ``(H, W)`` grey or ``(H, W, 3)`` RGB."""
    if pixels_u8.ndim == 2:  # noqa: PLR2004 - grey already
        return pixels_u8
    projection = _colour_projection(pixels_u8)
    if projection is None:
        return np.asarray(cv2.cvtColor(pixels_u8, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.asarray(cv2.transform(cv2.cvtColor(pixels_u8, cv2.COLOR_RGB2Lab), projection), np.uint8)


def _colour_projection(pixels_u8: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return ``(1, 4)``: a direction in Lab and an offset that make paper light and ink dark.

    None where brightness shows the ink.
    """
    small = cv2.resize(pixels_u8, _thumbnail_size(pixels_u8.shape), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab).astype(np.float32)
    paper = np.median(lab.reshape(-1, 3), axis=0)
    away = lab - paper
    colour = np.hypot(away[..., 1], away[..., 2])
    shown, light = (float(np.percentile(each, 98.5)) for each in (colour, np.abs(away[..., 0])))
    if shown < _MIN_COLOUR or shown < _COLOUR_ADVANTAGE * light:
        return None
    direction = away[colour >= shown].mean(axis=0) * (0, 1, 1)
    length = float(np.linalg.norm(direction))
    if length < 1:
        return None
    axis = direction / length * (-_INK_LEVELS / shown)
    return np.append(axis, _PAPER_LEVEL - axis @ paper)[None].astype(np.float32)


def _thumbnail_size(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = min(1.0, _THUMBNAIL_PX / max(shape[:2]))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))
