"""Light: brightness of a sheet, as ``(H, W)`` float32 factors."""

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def even(size: tuple[int, int], level: float = 1.0) -> Field:
    """Return the same light everywhere."""
    return np.full(size, level, np.float32)


def _axes(size: tuple[int, int]) -> tuple[Field, Field]:
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    return y, x


def lamp(size: tuple[int, int], rng: np.random.Generator, darkest: float = 0.35) -> Field:
    """Return light that falls from one side to ``darkest`` on the other."""
    y, x = _axes(size)
    angle = rng.uniform(0, 2 * np.pi)
    slope = (np.cos(angle) * x + np.sin(angle) * y) / (abs(np.cos(angle)) + abs(np.sin(angle)))
    return (darkest + (1 - darkest) * (1 + slope) / 2).astype(np.float32)


def vignette(size: tuple[int, int], darkest: float = 0.35) -> Field:
    """Return light that falls to ``darkest`` in the corners."""
    y, x = _axes(size)
    return (1 - (1 - darkest) * (x * x + y * y) / 2).astype(np.float32)


def hand(size: tuple[int, int], rng: np.random.Generator, shade: float = 0.5, softness: float = 0.02) -> Field:
    """Return light with the shadow of something round that reaches in from an edge."""
    height, width = size
    mask = np.zeros(size, np.float32)
    side = rng.integers(4)
    along, depth = rng.uniform(0.2, 0.8), rng.uniform(0.25, 0.6)
    centre = [(along, 1.0), (along, 0.0), (0.0, along), (1.0, along)][side]
    axes = (depth * width * 0.8, depth * height * 0.8)
    middle = (int(centre[0] * width), int(centre[1] * height))
    cv2.ellipse(mask, middle, (int(axes[0]), int(axes[1])), rng.uniform(0, 180), 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), softness * max(size))
    return 1 - (1 - shade) * mask
