"""Image files in MNIST's form.

MNIST's images are 28×28 in 8-bit grey, white ink on black; the digit fills a box of 20×20 and its centre of mass lies
in the middle (http://yann.lecun.com/exdb/mnist/). A 28×28 image is taken to be in that form already and only inverted
when its ink is dark; every other size is cropped to its ink, scaled and centred.
"""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.errors import InvalidImage
from api.tasks.digits.image_file import ImageFile, open_image

__all__ = ["BOX_PX", "SIDE_PX", "ImageFile", "data_url", "decode", "from_grey", "luma", "open_image"]

SIDE_PX = 28
BOX_PX = 20

# An image is shrunk to about this before its ink is looked for: finer detail is lost at 20 px anyway, memory isn't.
_WORK_PX = 512
# Ink is what stands out from the paper by this share of the strongest stroke, so that JPEG noise isn't cropped to.
_INK_SHARE = 0.2
_BLANK_LEVELS = 16  # of 255


def decode(image: ImageFile) -> NDArray[np.uint8]:
    """Decode an opened image and bring it to MNIST's form.

    Returns:
        ``(28, 28)`` uint8, white ink on black.

    Raises:
        InvalidImage: The pixels can't be decoded, or nothing is drawn on them.
    """
    return from_grey(_grey_of(image.pixels()))


def from_grey(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a grey image of any size to MNIST's form.

    Args:
        grey_u8: ``(H, W)`` uint8, either polarity.

    Returns:
        ``(28, 28)`` uint8, white ink on black.

    Raises:
        InvalidImage: Nothing is drawn on it.
    """
    grey_u8 = _shrunk(grey_u8)
    paper = _paper_level(grey_u8)
    dark_ink = _has_dark_ink(grey_u8, paper)
    if grey_u8.shape == (SIDE_PX, SIDE_PX):
        return 255 - grey_u8 if dark_ink else grey_u8
    ink = (paper - grey_u8.astype(np.float32)) if dark_ink else (grey_u8.astype(np.float32) - paper)
    peak = float(ink.max())
    if peak < _BLANK_LEVELS:
        raise InvalidImage("The image is blank: nothing stands out from its background.")
    return _centred(_cropped((ink.clip(0) / peak).astype(np.float32)))


def luma(raw_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return raw ``(H, W, 1)`` grey or ``(H, W, 3)`` RGB pixels as ``(H, W)`` grey."""
    if raw_u8.shape[2] == 1:
        return raw_u8[:, :, 0]
    return np.asarray(Image.fromarray(np.ascontiguousarray(raw_u8), "RGB").convert("L"))


def data_url(image_u8: NDArray[np.uint8]) -> str:
    """Return a ``(28, 28)`` uint8 image as a PNG in a ``data:`` URL, for people to look at."""
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _grey_of(pixels_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(H, W)``, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA pixels as ``(H, W)`` grey."""
    if pixels_u8.ndim == 2:  # noqa: PLR2004 - rows and columns
        return pixels_u8
    picture = Image.fromarray(pixels_u8)
    return _flattened(picture) if picture.mode == "RGBA" else np.asarray(picture.convert("L"))


def _shrunk(grey_u8: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = _shrink_factor(grey_u8.shape)
    return np.asarray(Image.fromarray(grey_u8).reduce(factor)) if factor > 1 else grey_u8


def _shrink_factor(size: tuple[int, ...]) -> int:
    return max(size) // _WORK_PX


def _flattened(rgba: Image.Image) -> NDArray[np.uint8]:
    """Lay a picture with transparency on the paper that its ink can be seen on."""
    alpha = np.asarray(rgba.getchannel("A"))
    grey = np.asarray(rgba.convert("L"))
    dark_ink = grey[alpha > 127].mean() < 128 if (alpha > 127).any() else True  # noqa: PLR2004 - half of 255
    paper = Image.new("RGBA", rgba.size, "white" if dark_ink else "black")
    return np.asarray(Image.alpha_composite(paper, rgba).convert("L"))


def _paper_level(grey_u8: NDArray[np.uint8]) -> float:
    """Return the level of the background: the median of the outermost pixels."""
    edges = np.concatenate([grey_u8[0], grey_u8[-1], grey_u8[:, 0], grey_u8[:, -1]])
    # Usual for MNIST's black ground, and twenty times quicker than the median that it equals.
    if 2 * np.count_nonzero(edges) < edges.size:
        return 0.0
    return float(np.median(edges))


def _has_dark_ink(grey_u8: NDArray[np.uint8], paper: float) -> bool:
    """Say whether more of the image lies below the paper's level than above."""
    if paper == 0:
        return False
    offset = grey_u8.astype(np.float32) - paper
    return float(-offset.clip(max=0).sum()) > float(offset.clip(min=0).sum())


def _cropped(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut to the ink and scale its longer side to 20 px.

    Args:
        ink: ``(H, W)`` float32, 0 (paper) to 1 (strongest stroke).

    Returns:
        ``(h, w)`` float32 with max(h, w) = 20, 0 to 1.
    """
    rows, cols = (np.flatnonzero((ink > _INK_SHARE).any(axis=axis)) for axis in (1, 0))
    cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1])
    scale = BOX_PX / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    small = np.asarray(cut.resize(size, Image.Resampling.LANCZOS)).clip(0)
    # A hairline fades as it shrinks: bring the strongest stroke back to full white.
    brightest: NDArray[np.float32] = small / small.max()
    return brightest


def _centred(box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Put the box into the 28×28 field so that its centre of mass lies in the middle, as far as it fits."""
    height, width = box.shape
    total = float(box.sum())
    centre_y = float((box.sum(axis=1) * np.arange(height)).sum()) / total
    centre_x = float((box.sum(axis=0) * np.arange(width)).sum()) / total
    top = min(max(round(SIDE_PX / 2 - 0.5 - centre_y), 0), SIDE_PX - height)
    left = min(max(round(SIDE_PX / 2 - 0.5 - centre_x), 0), SIDE_PX - width)
    field = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    field[top : top + height, left : left + width] = np.rint(box * 255)
    return field
