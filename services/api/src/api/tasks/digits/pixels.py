"""Images to digits: those in MNIST's form on the event loop, all others beside it."""

import numpy as np
from numpy.typing import NDArray

from api.offload import offload
from api.settings import Settings
from api.tasks.digits import image as digits
from api.tasks.digits.clean_up import Found, find_digit, mnist_form
from api.tasks.digits.image_file import open_image

# A file may consist of headers, and reading those takes up to 0.4 µs a byte: more would delay all other requests.
_INLINE_BYTES = 32 * 1024
_MNIST_SIZE = (mnist_form.SIDE_PX, mnist_form.SIDE_PX)


async def digit_in_file(data: bytes, settings: Settings) -> Found:
    """Return the digit in an image file.

    Raises:
        InvalidImage: It can't be read.
        NoDigitFound: Nothing in it could be a digit.
        PayloadTooLarge: It has too many pixels, or its decoding would take too much memory.
    """
    if len(data) > _INLINE_BYTES:
        return await offload(lambda: digits.decode(open_image(data, settings.max_image_px, settings.max_decode_bytes)))
    image = open_image(data, settings.max_image_px, settings.max_decode_bytes)
    if (image.height, image.width) != _MNIST_SIZE:
        return await offload(lambda: digits.decode(image))
    pixels_u8 = image.pixels()
    image_u8 = mnist_form.untouched(pixels_u8) if pixels_u8.shape == _MNIST_SIZE else None
    return await offload(lambda: find_digit(pixels_u8)) if image_u8 is None else Found(image_u8)


async def digit_in_raw(raw_u8: NDArray[np.uint8]) -> Found:
    """Return the digit in raw ``(H, W, 1)`` grey or ``(H, W, 3)`` RGB pixels.

    Raises:
        NoDigitFound: Nothing in them could be a digit.
    """
    pixels_u8 = raw_u8[:, :, 0] if raw_u8.shape[2] == 1 else raw_u8
    return await offload(lambda: find_digit(pixels_u8))
