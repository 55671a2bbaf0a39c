"""Images to the model's pixels: small ones at once, large ones beside the event loop, and never two of those at a time.

One thread, because a worker has about a core, and because a file of a few kilobytes may fill 300 MB while it is
decoded: that times one is what a worker needs on top, however many such files arrive together.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from api.settings import Settings
from api.tasks.digits import image as digits

# Decoding more pixels than this would hold up every other request of the worker for over a millisecond.
_INLINE_PX = 256 * 256
# So would more bytes: a file can be headers all the way, and reading those takes up to 0.4 µs a byte.
_INLINE_BYTES = 32 * 1024
_thread = ThreadPoolExecutor(1, "decode")


async def pixels_of_file(data: bytes, settings: Settings) -> NDArray[np.uint8]:
    """Return an image file as ``(28, 28)`` uint8.

    Raises:
        InvalidImage: It can't be read.
        PayloadTooLarge: It has too many pixels.
    """
    if len(data) > _INLINE_BYTES:
        return await _aside(lambda: digits.decode(digits.open_image(data, settings.max_image_px)))
    image = digits.open_image(data, settings.max_image_px)
    if image.width * image.height > _INLINE_PX:
        return await _aside(lambda: digits.decode(image))
    return digits.decode(image)


async def pixels_of_raw(raw_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return raw ``(H, W, 1)`` grey or ``(H, W, 3)`` RGB pixels as ``(28, 28)`` uint8.

    Raises:
        InvalidImage: Nothing is drawn on them.
    """
    if raw_u8.size > _INLINE_PX:
        return await _aside(lambda: digits.from_grey(digits.luma(raw_u8)))
    return digits.from_grey(digits.luma(raw_u8))


async def _aside(work: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Run the work on the thread; cancelled before its turn, it never runs."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)
