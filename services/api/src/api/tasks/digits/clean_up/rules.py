"""Rules: long thin lines from side to side, as ruled and squared paper has them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from api.tasks.digits.clean_up.ink import Ink

_RUN = 1 / 15  # of the picture's side: short enough to follow a line that is tilted by some degrees
_BRIDGE = 3  # a stroke across a rule is narrower than so many runs
_SPAN = 0.8  # of the picture's side
_WIDTH = 0.025  # of the picture's side, at most


def without_rules(ink: Ink) -> Ink:
    """Erase rules from ink, and close the gaps that they leave in strokes.

    They are looked for in the fainter ink, where none of them is broken.
    """
    upright = _without_horizontal(ink.faint_u8)
    faint_u8 = np.asarray(_without_horizontal(upright.T.copy()).T, np.uint8).copy()
    return Ink(ink.mask_u8 & faint_u8, faint_u8)


def _without_horizontal(mask_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = mask_u8.shape
    # Odd, as all kernels here: an even one would shift what it opens.
    run = max(9, round(_RUN * width)) | 1
    runs = cv2.morphologyEx(mask_u8, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    if cv2.countNonZero(cv2.reduce(runs, 0, cv2.REDUCE_MAX)) < _SPAN * width:
        return mask_u8
    limit = round(_WIDTH * height) + 2
    fat = cv2.morphologyEx(mask_u8, cv2.MORPH_OPEN, np.ones(((limit + 1) | 1, 1), np.uint8))
    joined = cv2.dilate(cv2.subtract(runs, fat), np.ones((3, _BRIDGE * run), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    spans = stats[:, cv2.CC_STAT_WIDTH] >= _SPAN * width
    spans &= stats[:, cv2.CC_STAT_AREA] <= stats[:, cv2.CC_STAT_WIDTH] * (limit + 2)
    spans[0] = False
    if count == 1 or not spans.any():
        return mask_u8
    lines = np.where(spans[labels], mask_u8, 0).astype(np.uint8)
    columns = cv2.reduce(lines // 255, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    thickness = max(1, round(float(columns[columns > 0].mean()) / int(spans.sum())))
    thick = cv2.morphologyEx(mask_u8, cv2.MORPH_OPEN, np.ones(((thickness + 2) | 1, 1), np.uint8))
    thin = cv2.subtract(lines, thick)
    left = cv2.subtract(mask_u8, thin)
    closed = cv2.morphologyEx(left, cv2.MORPH_CLOSE, np.ones(((thickness + 4) | 1, 1), np.uint8))
    return np.asarray(cv2.bitwise_or(left, cv2.bitwise_and(closed, thin)), np.uint8)
