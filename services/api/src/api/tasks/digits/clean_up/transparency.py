"""Transparency: what is opaque is looked at. Ink on nothing gets paper behind it; a window loses its rim."""

import cv2
import numpy as np
from numpy.typing import NDArray

_OPAQUE = 250  # of 255
# A picture has two levels within what is opaque, ink alone has one; compression and soft edges stay below this.
_MIN_CONTRAST = 40
# A window fills its box; strokes don't.
_MIN_FILL = 0.6


def flattened(rgba_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture without transparency.

    Args:
        rgba_u8: ``(H, W, 4)``.

    Returns:
        ``(H, W, 3)`` RGB; ``(H, W)`` grey, dark ink on white, where only the opacity draws the ink.
    """
    alpha = rgba_u8[..., 3]
    lowest, highest, _, _ = cv2.minMaxLoc(alpha)
    if lowest >= _OPAQUE:
        return rgba_u8[..., :3]
    if lowest == highest:  # the same everywhere: no drawing is in it
        return rgba_u8[..., :3]
    opaque = np.where(alpha >= min(_OPAQUE, highest), np.uint8(255), np.uint8(0))
    x, y, width, height = cv2.boundingRect(opaque)
    inside = (slice(y, y + height), slice(x, x + width))
    fill = cv2.countNonZero(opaque) / (width * height)
    if fill >= _MIN_FILL and (paper := _paper_of(rgba_u8[inside], opaque[inside])) is not None:
        window = rgba_u8[inside][..., :3].copy()
        window[opaque[inside] == 0] = paper
        return window
    return np.asarray(cv2.bitwise_not(alpha), np.uint8)


def _paper_of(rgba_u8: NDArray[np.uint8], opaque: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the commonest colour of the opaque part; None where it has but one colour."""
    step = max(1, max(opaque.shape) // 256)
    # Without its outermost pixels, whose colours are mixed.
    core = cv2.erode(opaque, np.ones((3, 3), np.uint8), borderValue=0)[::step, ::step] > 0
    colours = rgba_u8[::step, ::step, :3][core]
    if not len(colours):
        return None
    spread = np.percentile(colours, 99.5, axis=0) - np.percentile(colours, 0.5, axis=0)
    if spread.max() < _MIN_CONTRAST:
        return None
    return np.asarray(np.median(colours, axis=0), np.uint8)
