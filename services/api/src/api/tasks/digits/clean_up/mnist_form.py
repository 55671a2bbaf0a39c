"""MNIST's form: 28×28, white ink on black, the digit in a box of 20×20, its centre of mass in the middle.

Source: http://yann.lecun.com/exdb/mnist/
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 28
BOX_PX = 20
_MIDDLE_PX = SIDE_PX / 2 - 0.5
# What MNIST's own 70,000 images keep to, with nothing to spare for other 28×28 files.
_MIN_BOX_PX, _MAX_BOX_PX = 17, 21
_MAX_OFFSET_PX = 1.6
_MIN_PEAK = 200
# In a file that has other levels ink differs from paper by this much, and by so many times the paper's grain; what
# differs by less than a share of the ink is paper.
_FAINTEST, _GRAINS, _EDGE_SHARE = 30, 4, 0.08
# A stroke thinner than this would fade to grey when it is scaled to 20 px; MNIST's are 2 to 4 px.
_THINNEST_STROKE_PX = 2.0


def is_mnist_form(image_u8: NDArray[np.uint8]) -> bool:
    """Say whether a ``(28, 28)`` uint8 image has its ink where MNIST's images have it, on pure black."""
    _, _, width, height = cv2.boundingRect(image_u8)
    if not _MIN_BOX_PX <= max(width, height) <= _MAX_BOX_PX:
        return False
    moments = cv2.moments(image_u8)
    total = moments["m00"]
    return (
        abs(moments["m10"] / total - _MIDDLE_PX) <= _MAX_OFFSET_PX
        and abs(moments["m01"] / total - _MIDDLE_PX) <= _MAX_OFFSET_PX
        and cv2.minMaxLoc(image_u8)[1] >= _MIN_PEAK
    )


def untouched(image_u8: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a ``(28, 28)`` image that is in MNIST's form as it is, one that is its negative inverted, else None."""
    if is_mnist_form(image_u8):
        return image_u8
    if image_u8[0, 0] and is_mnist_form(negative := 255 - image_u8):
        return negative
    return None


def with_levels(image_u8: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a ``(28, 28)`` image that is in MNIST's form but for its levels with those stretched, else None.

    Such files are cut out of photographs, or have a black that is none; scaling them again would blur them.
    """
    grey = image_u8.astype(np.float32)
    edge = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    paper, grain = float(np.median(edge)), float(np.ptp(edge))
    ink = grey - paper if paper < 127.5 else paper - grey  # noqa: PLR2004 - half of 255
    peak = float(ink.max())
    floor = max(grain, _EDGE_SHARE * peak)
    if peak < _FAINTEST or peak < _GRAINS * floor:
        return None
    stretched = ((ink - floor) * (255 / (peak - floor))).clip(0, 255).astype(np.uint8)
    return stretched if is_mnist_form(stretched) else None


def to_mnist_form(ink_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale ink to MNIST's box and put its centre of mass in the middle, as far as it fits.

    Args:
        ink_u8: ``(h, w)``, 0 (paper) to 255, cut to the ink.

    Returns:
        ``(28, 28)`` uint8.
    """
    ink_u8 = _thick_enough(ink_u8, _THINNEST_STROKE_PX * max(ink_u8.shape) / BOX_PX)
    height, width = ink_u8.shape
    scale = BOX_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(ink_u8, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    # A hairline fades as it shrinks: bring the strongest stroke back to full white.
    return _centred(np.asarray(cv2.convertScaleAbs(small, alpha=255 / max(1, int(small.max()))), np.uint8))


def _thick_enough(ink_u8: NDArray[np.uint8], width_px: float) -> NDArray[np.uint8]:
    """Widen strokes that are thinner than ``width_px``."""
    mask = (ink_u8 > 127).astype(np.uint8)  # noqa: PLR2004 - half of 255
    if not mask.any():
        return ink_u8
    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    # Along a stroke's middle line the distance is half its width; the mean over its pixels is a quarter.
    found_px = 4 * float(distance[distance > 0].mean()) - 1
    missing = round(width_px - found_px)
    if missing < 1:
        return ink_u8
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1))
    wide = cv2.dilate(np.pad(ink_u8, missing), kernel)
    x, y, width, height = cv2.boundingRect(wide)
    return np.asarray(wide[y : y + height, x : x + width], np.uint8)


def _centred(box_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = box_u8.shape
    moments = cv2.moments(box_u8)
    total = max(moments["m00"], 1.0)
    top = min(max(round(_MIDDLE_PX - moments["m01"] / total), 0), SIDE_PX - height)
    left = min(max(round(_MIDDLE_PX - moments["m10"] / total), 0), SIDE_PX - width)
    field = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    field[top : top + height, left : left + width] = box_u8
    return field
