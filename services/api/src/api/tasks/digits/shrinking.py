"""A decoded image as an array of at most about 1,600 pixels a side, made strip by strip.

Converting and averaging copy what they work on. On a strip of a large image those copies are small.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.tasks.digits import depth

# A longer side is brought to 800 to 1,599 px: finer detail doesn't help to read a digit that fills a tenth of it.
SIDE_PX = 800
_STRIP_PX = 2**20

Rows = Callable[[int, int], Image.Image]


def factor_of(size: tuple[int, int]) -> int:
    """Return how many pixels of the file's become one."""
    return max(1, max(size) // SIDE_PX)


def shrunk(rows: Rows, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8.

    Args:
        rows: Returns the rows from one number to another as ``L``, ``RGB`` or ``RGBA``.
        size: Width and height of the whole in pixels.
    """
    width, height = size
    factor = factor_of(size)
    if factor == 1:
        return np.asarray(rows(0, height))
    step = max(1, _STRIP_PX // (width * factor)) * factor
    strips = [rows(top, min(top + step, height)).reduce(factor) for top in range(0, height, step)]
    return np.concatenate([np.asarray(strip) for strip in strips])


def rows_of(image: Image.Image, data: bytes) -> Rows:
    """Return the rows of an image, loading it: in grey, in colour, or in colour with alpha.

    Args:
        image: The opened file.
        data: Its bytes.
    """
    is_deep = depth.is_deep_colour(image)
    image.load()
    if image.mode.startswith("I"):
        grey = depth.scale_of_grey(image)
        return lambda top, bottom: Image.fromarray(grey(np.asarray(_crop(image, top, bottom))))
    lower = depth.lower_bytes_of(image, data) if is_deep else None
    if lower is not None:
        return _deep_rows(image, lower)
    mode = _mode_of(image)
    return lambda top, bottom: _crop(image, top, bottom).convert(mode)


def rows_of_array(pixels_u8: NDArray[np.uint8]) -> tuple[Rows, tuple[int, int]]:
    """Return the rows of ``(H, W)`` or ``(H, W, C)`` pixels, and their width and height."""

    def rows(top: int, bottom: int) -> Image.Image:
        strip = Image.fromarray(pixels_u8[top:bottom])
        return strip.convert(_mode_of(strip))

    return rows, (pixels_u8.shape[1], pixels_u8.shape[0])


def _deep_rows(upper: Image.Image, lower: Image.Image) -> Rows:
    scales = depth.scales_of(upper, lower)

    def rows(top: int, bottom: int) -> Image.Image:
        high, low = (np.asarray(_crop(each, top, bottom)) for each in (upper, lower))
        samples = high.astype(np.uint16) << 8 | low
        return Image.fromarray(np.dstack([scale(samples[..., at]) for at, scale in enumerate(scales)]))

    return rows


def _mode_of(image: Image.Image) -> str:
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return "RGBA"
    return "L" if image.mode in ("L", "1", "F") else "RGB"


def _crop(image: Image.Image, top: int, bottom: int) -> Image.Image:
    return image if (top, bottom) == (0, image.height) else image.crop((0, top, image.width, bottom))
