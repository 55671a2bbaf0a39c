"""Which frame of a file to read: the first one that isn't empty."""

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.errors import PayloadTooLarge
from api.tasks.digits.decoder_errors import DECODER_ERRORS
from api.tasks.digits.heic import HeicImage

# Frames that are looked at, and their pixels together, the first one's included.
_MAX_FRAMES = 16
_MAX_FRAMES_PX = 2**25
# Levels of 255; what differs less is noise.
_BLANK_LEVELS = 16
_SIXTEEN_BITS = struct.Struct("<4H")

Pixels = NDArray[np.uint8]
AnyImage = Image.Image | HeicImage


def first_drawn(image: AnyImage, data: bytes, read: Callable[[], Pixels]) -> Pixels:
    """Return the pixels of the first frame that isn't empty; those of the first frame where all are.

    Args:
        image: The opened file.
        data: Its bytes.
        read: Checks and decodes the frame that the image is at.

    Raises:
        PayloadTooLarge: The first frame takes more memory than allowed.
        Exception: One of `DECODER_ERRORS`, from the first frame.
    """
    first = read()
    if not _may_go_on(image) or not is_empty(first) or not _frames_fit(image, data):
        return first
    frames = min(_MAX_FRAMES, _MAX_FRAMES_PX // max(1, image.size[0] * image.size[1]))
    for frame in range(1, frames):
        try:
            image.seek(frame)
            pixels = read()
        except (*DECODER_ERRORS, PayloadTooLarge):
            break
        if not is_empty(pixels):
            return pixels
    return first


def is_empty(pixels_u8: Pixels) -> bool:
    """Say whether ``(H, W[, C])`` pixels show nothing: all alike, or transparent."""
    if pixels_u8.ndim == 2:  # noqa: PLR2004 - rows and columns
        return int(np.ptp(pixels_u8)) < _BLANK_LEVELS
    if pixels_u8.shape[2] == 4:  # noqa: PLR2004 - with alpha
        alpha = pixels_u8[..., 3]
        if alpha.max() < _BLANK_LEVELS:
            return True
        if np.ptp(alpha) >= _BLANK_LEVELS:
            return False
    return int(np.ptp(pixels_u8[..., :3], axis=(0, 1)).max()) < _BLANK_LEVELS


def _may_go_on(image: AnyImage) -> bool:
    # Pillow would walk through a whole GIF to count its frames.
    return image.format == "GIF" or getattr(image, "n_frames", 1) > 1


def _frames_fit(image: AnyImage, data: bytes) -> bool:
    return image.format != "GIF" or gif_frames_fit(data, image.size)


def gif_frames_fit(data: bytes, size: tuple[int, int]) -> bool:
    """Say whether all frames of a GIF lie within its canvas; Pillow would make a canvas as large as the largest.

    Args:
        data: The file.
        size: The canvas' width and height in pixels.
    """
    at = 13 + _palette_bytes(data[10])
    while at + 10 <= len(data) and data[at] in b"!,":
        if data[at] == ord("!"):
            at += 2
        else:
            left, top, width, height = _SIXTEEN_BITS.unpack_from(data, at + 1)
            if left + width > size[0] or top + height > size[1]:
                return False
            at += 11 + _palette_bytes(data[at + 9])
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return at >= len(data) or data[at] in b";\0"


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
