"""Files: pixels as clients send them."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def jpeg(pixels_u8: NDArray[np.uint8], quality: int = 85) -> bytes:
    """Return pixels as a JPEG."""
    return _saved(pixels_u8, "JPEG", quality=quality)


def png(pixels_u8: NDArray[np.uint8]) -> bytes:
    """Return pixels as a PNG: grey, RGB or RGBA by their shape."""
    return _saved(pixels_u8, "PNG", compress_level=1)


def _saved(pixels_u8: NDArray[np.uint8], fmt: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels_u8).save(buffer, fmt, **options)
    return buffer.getvalue()
