"""Steps: the clean-up of an image as pictures, so that people see why a digit was read, or misread."""

import cv2
import numpy as np
from numpy.typing import NDArray

from api.tasks.base import Step
from api.tasks.digits.clean_up import Found
from api.tasks.digits.image import data_url

# Pictures of steps are no larger than this: they travel in the answer, in base64.
_LARGEST_PX = 320


def steps_of(found: Found) -> list[Step]:
    """Return the ink that was found, the pixels that were taken for the digit, its crop, and the network's 28×28.

    An image that was in MNIST's form has the last one alone.
    """
    steps = []
    if found.ink_u8 is not None and found.mask_u8 is not None:
        left, top, width, height = found.box
        crop = found.mask_u8[top : top + height, left : left + width]
        pictures = {"found ink": found.ink_u8, "digit": found.mask_u8, "crop": crop}
        steps = [Step(name, data_url(_small(picture))) for name, picture in pictures.items()]
    return [*steps, Step("28×28", data_url(found.image_u8))]


def _small(picture_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LARGEST_PX / max(picture_u8.shape)
    if scale >= 1:
        return picture_u8
    height, width = (max(1, round(side * scale)) for side in picture_u8.shape)
    return np.asarray(cv2.resize(picture_u8, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
