"""Image files to digits, and digits to image files."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.tasks.digits.clean_up import Found, find_digit
from api.tasks.digits.image_file import ImageFile


def decode(image: ImageFile) -> Found:
    """Decode an opened image, and find the digit in it.

    Raises:
        InvalidImage: The pixels can't be decoded.
        NoDigitFound: Nothing in it could be a digit.
    """
    return find_digit(image.pixels())


def data_url(image_u8: NDArray[np.uint8]) -> str:
    """Return a ``(H, W)`` uint8 image as a PNG in a ``data:`` URL, for people to look at."""
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
