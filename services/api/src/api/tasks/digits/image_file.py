"""Image files of any usual kind, read into arrays of bounded size.

The header is read first; a file that declares too many pixels, or whose decoding would take too much memory, is refused
before a pixel is decoded.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image

from api.errors import InvalidImage, PayloadTooLarge
from api.tasks.digits import decode_memory, frames, shrinking
from api.tasks.digits.decoder_errors import DECODER_ERRORS
from api.tasks.digits.heic import HeicImage, is_heic
from api.tasks.digits.orientation import orientation_of, upright

FORMATS = "PNG, JPEG, WebP, GIF, BMP, HEIC or AVIF"
MAX_DECODE_BYTES = 240 * 2**20
_OF_PILLOW = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "AVIF")


class ImageFile:
    """An opened image file: the header is read, the pixels aren't.

    Attributes:
        width: In pixels, as the header states it.
        height: In pixels, likewise.

    Args:
        image: The opened file.
        data: Its bytes.
        max_bytes: Most memory that decoding may take.
    """

    __slots__ = ("_data", "_image", "_max_bytes", "height", "width")

    def __init__(self, image: Image.Image | HeicImage, data: bytes, max_bytes: int) -> None:
        self._image, self._data, self._max_bytes = image, data, max_bytes
        self.width, self.height = image.size

    def pixels(self) -> NDArray[np.uint8]:
        """Decode, once: the first frame that isn't empty, upright, of at most about 1,600 px a side.

        Returns:
            ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, uint8. 16 bits a sample are scaled to 8.

        Raises:
            InvalidImage: The pixels can't be decoded.
        """
        image = self._image
        try:
            if image.mode == "L" and image.format == "PNG" and isinstance(image, Image.Image) and not image.info:
                pixels_u8 = self._plain_grey(image)
                if not image.info:  # which chunks behind the pixels may have filled
                    return pixels_u8
            else:
                pixels_u8 = frames.first_drawn(image, self._data, self._frame)
            orientation = orientation_of(image)
        except DECODER_ERRORS as exc:
            raise InvalidImage("The image is cut short or damaged.") from exc
        finally:
            # Its pixels at full size would stay as long as this object does, beside what the clean-up needs.
            del self._image
        return upright(pixels_u8, orientation) if orientation != 1 else pixels_u8

    def _plain_grey(self, image: Image.Image) -> NDArray[np.uint8]:
        if shrinking.factor_of(image.size) > 1:
            return self._frame()
        # As `np.asarray` does it, without its detour over the array interface.
        return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)

    def _frame(self) -> NDArray[np.uint8]:
        image = self._image
        check_memory(image, self._data, self._max_bytes)
        if isinstance(image, HeicImage):
            return shrinking.shrunk(*shrinking.rows_of_array(image.pixels()))
        if image.format in ("JPEG", "MPO"):
            # The decoder leaves out what a smaller image doesn't show: an eighth of each side at best.
            factor = shrinking.factor_of(image.size)
            image.draft(None, (max(1, image.width // factor), max(1, image.height // factor)))
        return shrinking.shrunk(shrinking.rows_of(image, self._data), image.size)


def open_image(data: bytes, max_px: int, max_bytes: int = MAX_DECODE_BYTES) -> ImageFile:
    """Read the header of an image file; no pixel is decoded yet.

    Args:
        data: The file's bytes.
        max_px: Largest width × height that is accepted.
        max_bytes: Most memory that decoding may take, as estimated from the header.

    Raises:
        InvalidImage: The bytes are no image of a kind that is read.
        PayloadTooLarge: The header declares more pixels than ``max_px``, or than fit into ``max_bytes``.
    """
    try:
        image = _open(data)
    except Image.DecompressionBombError as exc:  # Pillow's own ceiling, far above ours
        raise PayloadTooLarge(f"The image declares too many pixels; at most {max_px} px are read.") from exc
    except DECODER_ERRORS as exc:
        raise InvalidImage(f"The bytes are no image that can be read: send {FORMATS}.") from exc
    width, height = image.size
    if width * height > max_px:
        raise PayloadTooLarge(f"The image is {width}×{height} px; at most {max_px} px are read.")
    if width * height * decode_memory.MOST_BYTES_A_PX > max_bytes:
        check_memory(image, data, max_bytes)
    return ImageFile(image, data, max_bytes)


def check_memory(image: Image.Image | HeicImage, data: bytes, max_bytes: int) -> None:
    """Refuse an image whose present frame would take too much memory.

    Raises:
        PayloadTooLarge: It would.
    """
    needed = decode_memory.bytes_to_decode(image, data)
    if needed > max_bytes:
        width, height = image.size
        most_px = int(width * height * max_bytes / needed)
        raise PayloadTooLarge(
            f"The image is {width}×{height} px; of this kind of {image.format} at most {most_px} px are read, "
            "since a larger one takes too much memory: send it smaller, or as a JPEG that isn't progressive."
        )


def _open(data: bytes) -> Image.Image | HeicImage:
    if is_heic(data):
        return HeicImage(data)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a setting of the library's that is global; a worker has about one core
    return Image.open(io.BytesIO(data), formats=_OF_PILLOW)
