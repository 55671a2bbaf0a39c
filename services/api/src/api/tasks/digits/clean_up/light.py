"""Light: evens out what changes slowly over a whole picture, as a lamp's light or a lens's dark corners do."""

import cv2
import numpy as np
from numpy.typing import NDArray

_THUMBNAIL_PX = 32
_ROUNDS = 3
# A pixel this many times the usual distance from the surface is ink, a desk or an edge, and doesn't count.
_OUTLIER = 2.0
_MAX_FACTOR = 3.0


def evened(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Divide a ``(H, W)`` picture by the smooth surface of second degree that most of its pixels lie on."""
    size = (min(_THUMBNAIL_PX, grey_u8.shape[1]), min(_THUMBNAIL_PX, grey_u8.shape[0]))
    surface = _surface(cv2.resize(grey_u8, size, interpolation=cv2.INTER_AREA).astype(np.float32))
    highest = max(1.0, float(surface.max()))
    factors = (highest / np.maximum(surface, highest / _MAX_FACTOR)).astype(np.float32)
    whole = cv2.resize(factors, grey_u8.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(grey_u8, whole, dtype=cv2.CV_8U), np.uint8)


def _surface(small: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = small.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values, counts = small.ravel(), np.ones(small.size, bool)
    fitted = np.full(small.size, np.median(values))
    for _ in range(_ROUNDS):
        away = np.abs(values - fitted)
        counts = away <= max(2.0, _OUTLIER * float(np.median(away)))
        if counts.sum() < terms.shape[1]:
            break
        fitted = terms @ np.linalg.lstsq(terms[counts], values[counts], rcond=None)[0]
    # Not beyond what is there: a surface may bend away where nothing holds it.
    return np.asarray(fitted.clip(max(1.0, float(values.min())), values.max()).reshape(small.shape), np.float32)
