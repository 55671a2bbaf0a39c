"""Image files of kinds that Pillow alone doesn't write, made in memory."""

import io
import zlib
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from tests.support.bad_images import png_of

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def saved(image: Image.Image, fmt: str, **options: Any) -> bytes:
    """Return an image as a file of any format that is read; HEIC by libheif, the others by Pillow."""
    buffer = io.BytesIO()
    if fmt == "HEIC":
        file = pillow_heif.from_pillow(image)
        for each in options.pop("append_images", []):
            file.add_from_pillow(each)
        file.save(buffer, **options)
    else:
        image.save(buffer, fmt, **options)
    return buffer.getvalue()


def deep_png(samples: NDArray[np.integer]) -> bytes:
    """Return ``(H, W)`` or ``(H, W, 3 or 4)`` samples as a PNG of 16 bits a sample."""
    height, width = samples.shape[:2]
    colour = _COLOUR_TYPES[1 if samples.ndim == 2 else samples.shape[2]]
    rows = samples.astype(">u2").reshape(height, -1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return png_of(width, height, packed, bits=16, colour=colour)


def relabelled(data: bytes, width: int, height: int) -> bytes:
    """Return an HEIC or AVIF whose boxes declare another size (`ispe`) than its pixels have."""
    at = data.index(b"ispe") + 8
    while at > 7:
        data = data[:at] + width.to_bytes(4) + height.to_bytes(4) + data[at + 8 :]
        at = data.find(b"ispe", at) + 8
    return data
