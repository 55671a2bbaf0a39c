"""Image files: bytes to pixels, and pixels to bytes that people can look at."""

import base64
import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from api.errors import InvalidImage, PayloadTooLarge
from api.tasks.digits.clean_up import Found, find_digit

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF")

# These alone turn by a tag; the look-up costs more than decoding a small PNG.
_TURNING = ("JPEG", "MPO", "WEBP")
# A JPEG is decoded at a half, a quarter or an eighth of its size as long as its longer side keeps this many pixels:
# a digit a tenth of the height of a photograph is read then.
_WORK_PX = 800

# What Pillow's decoders raise on bytes that aren't what they say; found by fuzzing (tests/unit/api/test_image.py).
_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip


def open_image(data: bytes, max_px: int) -> Image.Image:
    """Read the header of an image file; no pixel is decoded yet.

    Args:
        data: The file's bytes.
        max_px: Largest width × height that is accepted.

    Raises:
        InvalidImage: The bytes are no PNG, JPEG, BMP, WebP or GIF.
        PayloadTooLarge: The header declares more pixels than ``max_px``.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as exc:  # Pillow's own ceiling, far above ours
        raise PayloadTooLarge(f"The image declares too many pixels; at most {max_px} px are read.") from exc
    except _DECODER_ERRORS as exc:
        raise InvalidImage("The bytes are no image that can be read: send PNG, JPEG, BMP, WebP or GIF.") from exc
    if image.width * image.height > max_px:
        raise PayloadTooLarge(f"The image is {image.width}×{image.height} px; at most {max_px} px are read.")
    return image


def decode(image: Image.Image) -> Found:
    """Decode an opened image, and find the digit in it.

    Raises:
        InvalidImage: The pixels can't be decoded.
        NoDigitFound: Nothing in it could be a digit.
    """
    return find_digit(pixels_of(image))


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """Decode an opened image.

    Returns:
        ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA uint8, turned as its tag says.

    Raises:
        InvalidImage: The pixels can't be decoded.
    """
    try:
        if image.mode == "L" and "transparency" not in image.info and image.format not in _TURNING:
            # As `np.asarray` does it, without its detour over the array interface.
            return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)
        if image.format in _TURNING:
            # A JPEG can be decoded smaller; the others take no notice.
            shrink = max(1, max(image.size) // _WORK_PX)
            image.draft(image.mode, (image.width // shrink, image.height // shrink))
            ImageOps.exif_transpose(image, in_place=True)
        return _array_of(image)
    except _DECODER_ERRORS as exc:
        raise InvalidImage("The image is cut short or damaged.") from exc


def data_url(image_u8: NDArray[np.uint8]) -> str:
    """Return a ``(H, W)`` uint8 image as a PNG in a ``data:`` URL, for people to look at."""
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _array_of(image: Image.Image) -> NDArray[np.uint8]:
    """Decode to uint8, whatever the file's mode."""
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion would clip instead of scale
        return (np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        return _shrunk(image.convert("RGBA"))
    return _shrunk(image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB"))


def _shrunk(image: Image.Image) -> NDArray[np.uint8]:
    factor = max(image.size) // _WORK_PX
    return np.asarray(image.reduce(factor) if factor > 1 else image)
