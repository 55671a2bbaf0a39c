"""Sheets: paper, boards and desks as ``(H, W, 3)`` float32 from 0 to 255, RGB, and ink on them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.pictures.pens import Mask

Sheet = NDArray[np.float32]
Colour = tuple[float, float, float]


def plain(size: tuple[int, int], colour: Colour) -> Sheet:
    """Return a sheet of one colour."""
    return np.full((*size, 3), colour, np.float32)


def textured(sheet: Sheet, rng: np.random.Generator, levels: float, grain_px: float) -> Sheet:
    """Add fibres or grain of so many levels (standard deviation) and about this size."""
    noise = cv2.GaussianBlur(rng.standard_normal(sheet.shape[:2]).astype(np.float32), (0, 0), grain_px)
    return sheet + (levels * noise / (noise.std() + 1e-6))[..., None]


def lined(sheet: Sheet, colour: Colour, every_px: int, width_px: int = 1, *, grid: bool, tilt: float = 0.0) -> Sheet:
    """Print rules, or a grid, tilted by so many pixels a pixel."""
    height, width = sheet.shape[:2]
    out = sheet.copy()
    drift = round(tilt * width)
    for y in range(every_px // 2 - abs(drift), height + abs(drift), every_px):
        cv2.line(out, (0, y), (width, y + drift), colour, width_px, cv2.LINE_AA if tilt else cv2.LINE_8)
    if grid:
        for x in range(every_px // 2 - abs(drift), width + abs(drift), every_px):
            cv2.line(out, (x + drift, 0), (x, height), colour, width_px, cv2.LINE_AA if tilt else cv2.LINE_8)
    return out


def write(sheet: Sheet, mask: Mask, top: int, left: int, colour: Colour, opacity: float = 1.0) -> Sheet:
    """Lay ink on a sheet, its upper left corner at ``top``, ``left``; what lies outside is cut."""
    out = sheet.copy()
    top, left = max(0, top), max(0, left)
    part = out[top : top + mask.shape[0], left : left + mask.shape[1]]
    cover = opacity * mask[: part.shape[0], : part.shape[1], None]
    part[:] = part * (1 - cover) + np.array(colour, np.float32) * cover
    return out


def write_somewhere(sheet: Sheet, mask: Mask, rng: np.random.Generator, colour: Colour, opacity: float = 1.0) -> Sheet:
    """Lay ink about the middle of a sheet."""
    room_y, room_x = sheet.shape[0] - mask.shape[0], sheet.shape[1] - mask.shape[1]
    top, left = (int(max(0, room) * rng.uniform(0.25, 0.75)) for room in (room_y, room_x))
    return write(sheet, mask, top, left, colour, opacity)


def printed(sheet: Sheet, text: str, where: tuple[int, int], scale: float, colour: Colour, width_px: int) -> Sheet:
    """Print a text with its lower left corner at ``where``, x and y."""
    cover = np.zeros(sheet.shape[:2], np.uint8)
    cv2.putText(cover, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, width_px, cv2.LINE_AA)
    return write(sheet, cover.astype(np.float32) / 255, 0, 0, colour)


def photographed(
    sheet: Sheet, light: NDArray[np.float32], rng: np.random.Generator, noise: float = 2.0
) -> NDArray[np.uint8]:
    """Return what a camera makes of a sheet in some light: ``(H, W, 3)`` uint8 with its noise and blur."""
    lit = cv2.GaussianBlur(sheet * light[..., None], (0, 0), 0.7)
    lit = lit + rng.standard_normal(lit.shape).astype(np.float32) * noise
    return np.rint(lit.clip(0, 255)).astype(np.uint8)
