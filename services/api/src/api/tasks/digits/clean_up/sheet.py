"""Sheet: a slip of paper that lies on something darker. What is around it isn't looked at."""

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMBNAIL_PX = 160
_MIN_AREA, _MAX_AREA = 0.06, 0.92  # of the picture
_MIN_RECTANGULARITY = 0.84  # an ellipse has 0.785
# The edge of paper is sharp: this share of the whole contrast lies within a few pixels of the outline.
_MIN_EDGE_SHARE = 0.6
_MIN_CONTRAST = 35
_INK_AREA = (0.004, 0.5)  # of the sheet


def without_surroundings(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the part of a ``(H, W)`` picture that is a sheet with ink on it, or else the picture itself."""
    scale = min(1.0, _THUMBNAIL_PX / max(grey_u8.shape))
    size = (max(1, round(grey_u8.shape[1] * scale)), max(1, round(grey_u8.shape[0] * scale)))
    small = np.asarray(cv2.medianBlur(cv2.resize(grey_u8, size, interpolation=cv2.INTER_AREA), 3), np.uint8)
    outline = _outline_of(small)
    if outline is None:
        return grey_u8
    mask = cv2.drawContours(np.zeros_like(small), [outline], -1, 255, cv2.FILLED)
    margin = max(3, round(0.02 * max(size))) | 1
    mask = cv2.erode(mask, np.ones((margin, margin), np.uint8), borderType=cv2.BORDER_REPLICATE)
    x, y, width, height = (round(value / scale) for value in cv2.boundingRect(mask))
    whole = cv2.resize(mask, grey_u8.shape[::-1], interpolation=cv2.INTER_NEAREST)
    inside = (slice(y, y + height), slice(x, x + width))
    part, kept = grey_u8[inside].copy(), whole[inside]
    part[kept == 0] = np.median(small[mask > 0])
    return part


def _outline_of(small_u8: NDArray[np.uint8]) -> NDArray[np.int32] | None:
    """Return the outline of the largest bright region, if it is a sheet."""
    _, bright = cv2.threshold(small_u8, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines or int(small_u8.max()) - int(small_u8.min()) < _MIN_CONTRAST:
        return None
    outline = max(outlines, key=cv2.contourArea)
    area = cv2.contourArea(outline)
    if not _MIN_AREA <= area / small_u8.size <= _MAX_AREA:
        return None
    _, (width, height), _ = cv2.minAreaRect(outline)
    if area < _MIN_RECTANGULARITY * (width * height):
        return None
    filled = np.asarray(cv2.drawContours(np.zeros_like(small_u8), [outline], -1, 255, cv2.FILLED), np.uint8)
    ink = cv2.countNonZero(cv2.bitwise_and(filled, cv2.bitwise_not(bright))) / area
    if not _INK_AREA[0] <= ink <= _INK_AREA[1] or not _is_sharp(small_u8, filled):
        return None
    return np.asarray(outline, np.int32)


def _is_sharp(small_u8: NDArray[np.uint8], filled: NDArray[np.uint8]) -> bool:
    """Say whether brightness falls at the outline, and not over a distance as light does."""
    kernel = np.ones((5, 5), np.uint8)
    outer = cv2.subtract(cv2.dilate(filled, np.ones((9, 9), np.uint8)), cv2.dilate(filled, kernel))
    inner = cv2.subtract(cv2.erode(filled, kernel), cv2.erode(filled, np.ones((9, 9), np.uint8)))
    outside = cv2.bitwise_not(filled)
    if not (cv2.countNonZero(outer) and cv2.countNonZero(inner)):
        return False
    step = np.median(small_u8[inner > 0]) - np.median(small_u8[outer > 0])
    whole = np.median(small_u8[filled > 0]) - np.median(small_u8[outside > 0])
    return bool(step >= _MIN_CONTRAST and step >= _MIN_EDGE_SHARE * whole)
