"""Samples of 16 bits as 8, scaled by the bits that the picture uses.

Cameras and scanners store 10, 12 or 14 bits in samples of 16; the upper 8 bits of those are nearly
black.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, PngImagePlugin

# Pillow's names for how to unpack a file's samples, and those that give the lower bytes.
_LOWER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
# Scaled further where the picture lies within a quarter of its range, but not where that could be noise.
_NARROW, _NOISE = 1 / 4, 1 / 32


class Scale:
    """Maps samples of 16 bits to 8.

    Args:
        low: The least sample.
        high: The greatest sample.
    """

    def __init__(self, low: int, high: int) -> None:
        self._shift = max(high.bit_length(), 8) - 8
        span = (high - low) / (256 << self._shift)
        self._stretch = (low, high) if _NOISE <= span < _NARROW else None

    def __call__(self, samples: NDArray[np.integer] | NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the samples as uint8."""
        if self._stretch is not None:
            low, high = self._stretch
            return ((samples.astype(np.float32) - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)
        return (samples.clip(0, 65535).astype(np.uint16) >> self._shift).astype(np.uint8)


def is_deep_colour(image: Image.Image) -> bool:
    """Say whether an opened file is a PNG with colours of 16 bits, of which Pillow keeps the upper 8."""
    return image.format == "PNG" and _raw_mode_of(image) in _LOWER_BYTES


def lower_bytes_of(image: Image.Image, data: bytes) -> Image.Image | None:
    """Return the lower bytes of a deep PNG whose colours use fewer than 16 bits; None where they use all.

    Args:
        image: The PNG, loaded: ``RGB`` or ``RGBA`` of the upper bytes.
        data: The file.
    """
    if max(high for _, high in _extrema(image)[:3]) > 127:  # noqa: PLR2004 - the uppermost bit is in use
        return None
    lower = PngImagePlugin.PngImageFile(BytesIO(data))
    # Pillow keeps the upper bytes of big-endian samples; read as little-endian ones, it keeps the lower.
    lower.tile = [lower.tile[0]._replace(args=_LOWER_BYTES[_raw_mode_of(lower)])]
    lower.load()
    return lower


def scales_of(upper: Image.Image, lower: Image.Image) -> list[Scale]:
    """Return the scale of each channel: one for the colours together, one for alpha."""
    ends = [(low << 8, high << 8 | 255) for low, high in _extrema(upper)]
    if max(high for _, high in ends[:3]) == 255:  # noqa: PLR2004 - nothing in the upper bytes
        ends = [*_extrema(lower)[:3], *ends[3:]]
    colours = Scale(min(low for low, _ in ends[:3]), max(high for _, high in ends[:3]))
    return [colours] * 3 + [Scale(0, high) for _, high in ends[3:]]


def scale_of_grey(image: Image.Image) -> Scale:
    """Return the scale of a loaded grey image of 16 or 32 bits a sample."""
    ((low, high),) = _extrema(image)
    return Scale(min(65535, max(0, low)), min(65535, max(0, high)))


def _raw_mode_of(image: Image.Image) -> str:
    return str(image.tile[0].args) if isinstance(image, ImageFile.ImageFile) and image.tile else ""


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """Return the least and the greatest sample of each channel."""
    found = image.getextrema()
    pairs = found if isinstance(found[0], tuple) else (found,)
    return [(int(low), int(high)) for low, high in pairs]
