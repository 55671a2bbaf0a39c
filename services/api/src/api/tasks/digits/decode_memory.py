"""How much memory decoding an image takes, told from its header.

Pillow decodes a JPEG at a reduced size and everything else at its full one. The bytes a pixel were measured on pictures
of 12 and 50 megapixels (docs/decisions/0013-one-decoder.md).
"""

from PIL import Image, ImageFile

from api.tasks.digits.depth import is_deep_colour
from api.tasks.digits.heic import HeicImage

# The most that any file takes for a pixel.
MOST_BYTES_A_PX = 17.0
_BYTES_A_PX = {"1": 1.0, "L": 1.0, "P": 1.0, "I;16": 2.0}
# The animation decoder of WebP keeps two canvases, hands out a third and Pillow makes the fourth.
_OF_WEBP = 16.5
_OF_AVIF, _OF_AVIF_ALPHA = 11.0, 12.5
_OF_GIF, _OF_A_LATER_GIF_FRAME = 3.5, 13.0
_LATER_APNG_FRAME = 4  # the image, the one before, what is disposed of and a copy

_START_OF_SCAN = 0xDA
_START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_ONE_PASS = {0xC0, 0xC1, 0xC9}  # baseline and extended sequential
_COEFFICIENT_BYTES = 2
_MAX_COMPONENTS = 4


def bytes_to_decode(image: Image.Image | HeicImage, data: bytes) -> float:
    """Return about how many bytes decoding the present frame of an opened image takes."""
    return image.size[0] * image.size[1] * _bytes_a_px(image, data)


def _bytes_a_px(image: Image.Image | HeicImage, data: bytes) -> float:
    if isinstance(image, HeicImage):
        return image.bytes_a_px()
    if image.format in ("JPEG", "MPO"):
        start = image.tile[0].offset if isinstance(image, ImageFile.ImageFile) and image.tile else 0
        return jpeg_coefficient_bytes_a_px(data, start)
    if image.format == "PNG":
        copies = _LATER_APNG_FRAME if image.tell() else 2 if is_deep_colour(image) else 1
        return _BYTES_A_PX.get(image.mode, 4.0) * copies
    if image.format == "GIF":
        return _OF_A_LATER_GIF_FRAME if image.tell() else _OF_GIF
    return {"WEBP": _OF_WEBP, "AVIF": _OF_AVIF_ALPHA if image.mode == "RGBA" else _OF_AVIF}.get(image.format or "", 4.0)


def jpeg_coefficient_bytes_a_px(data: bytes, start: int) -> float:
    """Return the bytes a pixel of a JPEG's coefficients, which the decoder keeps where it needs several scans.

    A progressive file needs them, and one that has a scan for each component. Any other file is decoded row by row.

    Args:
        data: The file.
        start: Where its SOI marker is.
    """
    at, components = start + 2, b""
    is_progressive = False
    while at + 10 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - a marker
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == _START_OF_SCAN and components:
            has_all = data[at + 4] == len(components) // 3
            return 0.0 if has_all and not is_progressive else _coefficient_bytes_a_px(components)
        if marker in _START_OF_FRAME:
            components = data[at + 10 : at + 10 + 3 * data[at + 9]]
            is_progressive = marker not in _ONE_PASS
        at += 2 + length
    return float(_COEFFICIENT_BYTES * _MAX_COMPONENTS)  # markers that aren't in order: as much as it can be


def _coefficient_bytes_a_px(components: bytes) -> float:
    areas = [(each >> 4) * (each & 15) for each in components[1::3]]
    widest, tallest = max(each >> 4 for each in components[1::3]), max(each & 15 for each in components[1::3])
    return _COEFFICIENT_BYTES * sum(areas) / max(1, widest * tallest)
