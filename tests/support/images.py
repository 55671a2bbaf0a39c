"""Images as clients send them."""

import base64
import io

import numpy as np
from PIL import Image


def png(pixels_u8: np.ndarray) -> bytes:
    """Return a ``(H, W)`` uint8 image as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels_u8).save(buffer, "PNG")
    return buffer.getvalue()


def as_json(data: bytes) -> dict[str, str]:
    """Return the JSON body of ``POST /predict`` for an image file."""
    return {"image": base64.b64encode(data).decode()}
