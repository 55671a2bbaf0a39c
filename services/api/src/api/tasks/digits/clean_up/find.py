"""The clean-up's steps in their order."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from api.errors import NoDigitFound
from api.tasks.digits.clean_up import mnist_form, rules
from api.tasks.digits.clean_up.components import Digit, Pieces
from api.tasks.digits.clean_up.contrast import grey_of
from api.tasks.digits.clean_up.ink import find_ink
from api.tasks.digits.clean_up.light import evened
from api.tasks.digits.clean_up.paper import ink_on
from api.tasks.digits.clean_up.sheet import without_surroundings
from api.tasks.digits.clean_up.strokes import followed
from api.tasks.digits.clean_up.transparency import flattened

# A picture is brought to this size, its longer side: a digit of a tenth of its height still has 70 px.
_LARGEST_PX, _SMALLEST_PX = 960, 224
# Strips and frames may be darker than the digit: without them, the threshold is looked for again.
_MAX_PASSES = 4


class Found(NamedTuple):
    """A digit and how it was found.

    Attributes:
        image_u8: ``(28, 28)``, white ink on black.
        rivals: Other pieces of ink of about its size.
        ink_u8: ``(H, W)`` distance from paper, white on black; None where the picture was in MNIST's form.
        mask_u8: ``(H, W)`` of 0 and 255, the digit's pixels in it.
        box: The digit's left, top, width and height in it.
    """

    image_u8: NDArray[np.uint8]
    rivals: int = 0
    ink_u8: NDArray[np.uint8] | None = None
    mask_u8: NDArray[np.uint8] | None = None
    box: tuple[int, int, int, int] = (0, 0, mnist_form.SIDE_PX, mnist_form.SIDE_PX)


def find_digit(pixels_u8: NDArray[np.uint8]) -> Found:
    """Find the digit in a picture and bring it to MNIST's form.

    Args:
        pixels_u8: ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA.

    Raises:
        NoDigitFound: Nothing remains that could be a digit.
    """
    if pixels_u8.ndim == 3 and pixels_u8.shape[2] == 4:  # noqa: PLR2004 - RGBA
        pixels_u8 = flattened(pixels_u8)
    grey_u8 = grey_of(pixels_u8)
    if pixels_u8.shape[:2] == (mnist_form.SIDE_PX, mnist_form.SIDE_PX):
        image_u8 = mnist_form.untouched(grey_u8)
        if image_u8 is None:
            image_u8 = mnist_form.with_levels(grey_u8)
        if image_u8 is not None:
            return Found(image_u8)
    return _found_in(_at_working_size(grey_u8))


def _found_in(grey_u8: NDArray[np.uint8]) -> Found:
    grey_u8 = without_surroundings(grey_u8)
    ink_u8 = ink_on(evened(_smooth(grey_u8)))
    digit = _digit_in(ink_u8)
    left, top, width, height = digit.box
    part = (slice(top, top + height), slice(left, left + width))
    return Found(mnist_form.to_mnist_form(digit.mask_u8[part]), digit.rivals, ink_u8, digit.mask_u8, digit.box)


def _digit_in(ink_u8: NDArray[np.uint8]) -> Digit:
    left = ink_u8.copy()
    for _ in range(_MAX_PASSES):
        ink = find_ink(left)
        if ink is None:
            break
        written = rules.without_rules(ink)
        pieces = Pieces(written.mask_u8)
        foreign = pieces.foreign()
        if not foreign:
            if digit := pieces.digit():
                return followed(digit, written.faint_u8)
            left[cv2.dilate(ink.faint_u8, np.ones((7, 7), np.uint8)) > 0] = 0
            continue
        left[cv2.dilate(pieces.mask_of(foreign), np.ones((7, 7), np.uint8)) > 0] = 0
    raise NoDigitFound


def _smooth(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    sigma = max(0.6, max(grey_u8.shape) / 480)
    return np.asarray(cv2.GaussianBlur(grey_u8, (0, 0), sigma), np.uint8)


def _at_working_size(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    longest = max(grey_u8.shape)
    scale = min(1.0, _LARGEST_PX / longest) if longest > _SMALLEST_PX else _SMALLEST_PX / longest
    if scale == 1:
        return grey_u8
    size = (max(1, round(grey_u8.shape[1] * scale)), max(1, round(grey_u8.shape[0] * scale)))
    return np.asarray(
        cv2.resize(grey_u8, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8
    )
