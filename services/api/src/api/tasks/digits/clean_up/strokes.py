"""Strokes that fade: a digit is followed into fainter ink, as far as that continues it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from api.tasks.digits.clean_up.components import Digit

# Shares of the digit's longer side.
_REACH = 0.8
_MIN_GAIN, _MAX_GAIN = 1.06, 1.9
_MAX_AREA = 2.5  # of the digit's own


def followed(digit: Digit, faint_u8: NDArray[np.uint8]) -> Digit:
    """Return a digit with the fainter ink that continues its strokes.

    Args:
        digit: As the threshold found it.
        faint_u8: ``(H, W)`` of 0 and 255, all ink down to a lower threshold.
    """
    left, top, width, height = digit.box
    reach = round(_REACH * max(width, height))
    rows = slice(max(0, top - reach), top + height + reach)
    columns = slice(max(0, left - reach), left + width + reach)
    faint, own = faint_u8[rows, columns], digit.mask_u8[rows, columns]
    _, labels = cv2.connectedComponents(faint)
    touched = np.unique(labels[own > 0])
    grown = np.isin(labels, touched[touched > 0]).astype(np.uint8) * 255
    x, y, grown_width, grown_height = cv2.boundingRect(grown)
    gain = max(grown_width, grown_height) / max(width, height)
    reaches_out = x == 0 or y == 0 or x + grown_width == grown.shape[1] or y + grown_height == grown.shape[0]
    is_stroke = cv2.countNonZero(grown) <= _MAX_AREA * cv2.countNonZero(own)
    is_longer = max(gain, grown_width / width, grown_height / height) >= _MIN_GAIN
    if reaches_out or not is_stroke or not is_longer or gain > _MAX_GAIN:
        return digit
    whole = digit.mask_u8.copy()
    whole[rows, columns] |= grown
    return Digit(whole, (columns.start + x, rows.start + y, grown_width, grown_height), digit.rivals)
