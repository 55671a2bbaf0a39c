"""The orientation that a file's EXIF states, applied to its pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from api.tasks.digits.decoder_errors import DECODER_ERRORS
from api.tasks.digits.heic import HeicImage

# Where Pillow finds an orientation: EXIF, as text in a PNG, or in XMP. A file without these isn't looked at further.
_SOURCES = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})


def orientation_of(image: Image.Image | HeicImage) -> int:
    """Return EXIF's orientation, 1 to 8; 1 (upright) where there is none that can be read."""
    if isinstance(image, HeicImage) or _SOURCES.isdisjoint(image.info):
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DECODER_ERRORS:
        return 1  # the picture itself may be whole


def upright(pixels_u8: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn and mirror ``(H, W)`` or ``(H, W, C)`` pixels as EXIF's orientation asks; unknown values change nothing."""
    if orientation in (5, 6, 7, 8):
        pixels_u8 = pixels_u8.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels_u8 = pixels_u8[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels_u8 = pixels_u8[::-1]
    return np.ascontiguousarray(pixels_u8)
