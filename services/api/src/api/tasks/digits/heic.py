"""HEIC files, read by libheif (pillow-heif) into one array, without the plugin's second copy."""

from io import BytesIO

import numpy as np
import pillow_heif
from numpy.typing import NDArray

# ISO/IEC 23008-12: the brands of HEVC in HEIF, and the container's own, which AVIF files carry too.
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")
# Samples a pixel of luma and chroma by the file's subsampling.
_SAMPLES = {"400": 1.0, "420": 1.5, "422": 2.0}


def is_heic(data: bytes) -> bool:
    """Say whether a file's type box names HEVC in HEIF, and not AVIF."""
    if data[4:8] != b"ftyp" or data[8:12] not in _BRANDS:
        return False
    compatible = data[16 : min(int.from_bytes(data[:4]), 256)]
    return not any(compatible[at : at + 4] in _AVIF for at in range(0, len(compatible), 4))


class HeicImage:
    """An opened HEIC file, of which only the boxes have been read; it has those names of `PIL.Image.Image` that count.

    Rotation and mirroring are applied by libheif, and EXIF's orientation then doesn't count (ISO/IEC 23008-12).

    Args:
        data: The file's bytes.

    Raises:
        OSError, ValueError, SyntaxError, RuntimeError, EOFError: libheif can't read the boxes.
    """

    format = "HEIF"

    def __init__(self, data: bytes) -> None:
        # The library's options are globals. A worker has about one core, and only the images themselves are read.
        pillow_heif.options.DECODE_THREADS = 1
        pillow_heif.options.THUMBNAILS = False
        pillow_heif.options.DEPTH_IMAGES = False
        pillow_heif.options.AUX_IMAGES = False
        self._file = pillow_heif.open_heif(BytesIO(data))
        self._at = 0
        # The primary image first, then the others in the file's order.
        primary = self._file.primary_index
        self._order = [primary, *(index for index in range(len(self._file)) if index != primary)]
        self.n_frames = len(self._order)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the boxes state them."""
        return self._image.size

    @property
    def mode(self) -> str:
        """The decoded image's mode, as Pillow names them."""
        return self._image.mode

    def tell(self) -> int:
        """Return the number of the image that `pixels` decodes; 0 is the primary one."""
        return self._at

    def seek(self, frame: int) -> None:
        """Choose an image.

        Raises:
            EOFError: The file has no such image.
        """
        if frame >= self.n_frames:
            raise EOFError
        self._at = frame

    def bytes_a_px(self) -> float:
        """Return the bytes a pixel that decoding takes: the planes, where they are converted a copy, and the array."""
        info, has_alpha = self._image.info, len(self.mode) in (2, 4)
        samples, is_deep = _SAMPLES.get(str(info.get("chroma")), 3.0), info.get("bit_depth") != 8  # noqa: PLR2004 - bits
        planes = (samples + has_alpha) * (2 if is_deep else 1)
        return planes * (2 if is_deep or samples > _SAMPLES["420"] else 1) + len(self.mode) + 0.5

    def pixels(self) -> NDArray[np.uint8]:
        """Decode to ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8."""
        array: NDArray[np.uint8] = np.asarray(self._image)
        return array[:, : self.size[0]]

    @property
    def _image(self) -> pillow_heif.HeifImage:
        return self._file[self._order[self._at]]
