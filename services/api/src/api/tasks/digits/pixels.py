"""Images to the model's pixels: small ones on the event loop, large ones beside it."""

import numpy as np
from numpy.typing import NDArray

from api.offload import offload
from api.settings import Settings
from api.tasks.digits import image as digits
from api.tasks.digits.image_file import open_image

# Decoding more pixels than this on the event loop would delay all other requests by over a millisecond.
_INLINE_PX = 256 * 256
# So would more bytes: a file may consist of headers, and reading those takes up to 0.4 µs a byte.
_INLINE_BYTES = 32 * 1024


async def pixels_of_file(data: bytes, settings: Settings) -> NDArray[np.uint8]:
    """Return an image file as ``(28, 28)`` uint8.

    Raises:
        InvalidImage: It can't be read.
        PayloadTooLarge: It has too many pixels, or its decoding would take too much memory.
    """
    if len(data) > _INLINE_BYTES:
        return await offload(lambda: digits.decode(open_image(data, settings.max_image_px, settings.max_decode_bytes)))
    image = open_image(data, settings.max_image_px, settings.max_decode_bytes)
    if image.width * image.height > _INLINE_PX:
        return await offload(lambda: digits.decode(image))
    return digits.decode(image)


async def pixels_of_raw(raw_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return raw ``(H, W, 1)`` grey or ``(H, W, 3)`` RGB pixels as ``(28, 28)`` uint8.

    Raises:
        InvalidImage: Nothing is drawn on them.
    """
    if raw_u8.size > _INLINE_PX:
        return await offload(lambda: digits.from_grey(digits.luma(raw_u8)))
    return digits.from_grey(digits.luma(raw_u8))
