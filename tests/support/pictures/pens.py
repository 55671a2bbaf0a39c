"""Strokes: a digit of MNIST's written large, with a pen of any width."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]
_SCALE = 16


def shape_of(digit_u8: NDArray[np.uint8], height_px: int, width_share: float | None = None) -> Mask:
    """Return a digit as ``(h, w)`` float32 coverage from 0 to 1, cut to its ink.

    Args:
        digit_u8: ``(28, 28)``, white on black.
        height_px: Its longer side.
        width_share: Width of the stroke as a share of the longer side; as MNIST has it where None.
    """
    large = cv2.resize(digit_u8, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_CUBIC)
    solid = (cv2.GaussianBlur(large, (0, 0), _SCALE / 3) > 110).astype(np.uint8)
    if width_share is not None:
        solid = _of_width(solid, width_share)
    x, y, w, h = cv2.boundingRect(solid)
    factor = height_px / max(w, h)
    size = (max(2, round(w * factor)), max(2, round(h * factor)))
    cut = solid[y : y + h, x : x + w].astype(np.float32)
    return cv2.resize(cut, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)


def _of_width(solid: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return the stroke's middle line at another width."""
    middle = _middle_line(solid)
    _, _, w, h = cv2.boundingRect(solid)
    width_px = max(1, round(share * max(w, h)))
    return cv2.dilate(middle, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px)))


def _middle_line(solid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Thin a shape to lines one pixel wide, which stay connected (Zhang and Suen, 1984)."""
    image = np.pad(solid.astype(bool), 1)
    while True:
        before = image.sum()
        for turn in (0, 1):
            n = [np.roll(image, shift, (0, 1)) for shift in _AROUND]
            ring = sum(each.astype(np.int8) for each in n)
            steps = sum((~n[i] & n[(i + 1) % 8]).astype(np.int8) for i in range(8))
            a, b = ((n[0] & n[2] & n[4]), (n[2] & n[4] & n[6])) if turn == 0 else (
                (n[0] & n[2] & n[6]), (n[0] & n[4] & n[6])
            )  # fmt: skip
            image = image & ~((ring >= 2) & (ring <= 6) & (steps == 1) & ~a & ~b)
        if image.sum() == before:
            return image[1:-1, 1:-1].astype(np.uint8)


# Shifts that bring the neighbours from the north on clockwise to a pixel.
_AROUND = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))


def wavering(mask: Mask, rng: np.random.Generator, low: float, grain_px: float = 1.2) -> Mask:
    """Let the stroke break up into grains, as chalk and pencil do: coverage falls to ``low`` in places."""
    noise = cv2.GaussianBlur(rng.standard_normal(mask.shape).astype(np.float32), (0, 0), grain_px)
    noise = (noise / (noise.std() + 1e-6)).clip(-1.5, 1.5) / 3 + 0.5
    return mask * (low + (1 - low) * noise)
