"""Further kinds of pictures, written after the clean-up was finished: other light, paper, pens and frames."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.pictures import light
from tests.support.pictures.files import jpeg, png
from tests.support.pictures.kinds import BLACK, BLUE, WHITE, Digit, Kind
from tests.support.pictures.pens import shape_of, wavering
from tests.support.pictures.sheets import lined, photographed, plain, printed, textured, write, write_somewhere

_SIZE = (480, 640)


def whiteboard(digit: Digit, rng: np.random.Generator) -> bytes:
    """A coloured marker on a whiteboard with the glare of a lamp."""
    ink = [(190, 40, 45), (30, 120, 70), (40, 60, 150)][rng.integers(3)]
    board = write_somewhere(plain(_SIZE, (205, 208, 210)), shape_of(digit, 240, rng.uniform(0.06, 0.1)), rng, ink)
    glare = np.zeros(_SIZE, np.float32)
    cv2.circle(glare, (int(rng.integers(60, 580)), int(rng.integers(40, 440))), int(rng.integers(30, 80)), 1.0, -1)
    glare = cv2.GaussianBlur(glare, (0, 0), 30)
    board = board + (255 - board) * glare[..., None] * 0.9
    return jpeg(photographed(board, light.lamp(_SIZE, rng, 0.7), rng))


def sticky_note(digit: Digit, rng: np.random.Generator) -> bytes:
    """A yellow note on a wooden table."""
    table = plain(_SIZE, (150, 110, 72))
    grain = cv2.GaussianBlur(rng.standard_normal(_SIZE).astype(np.float32), (0, 0), sigmaX=40, sigmaY=1.5)
    table = table + 14 * (grain / grain.std())[..., None]
    side = int(rng.integers(240, 340))
    centre = (320 + rng.uniform(-60, 60), 240 + rng.uniform(-20, 20))
    corners = cv2.boxPoints((centre, (side, side), rng.uniform(-15, 15)))
    cv2.fillPoly(table, [corners.astype(np.int32)], (246, 226, 110))
    shape = shape_of(digit, int(side * rng.uniform(0.45, 0.7)), rng.uniform(0.07, 0.12))
    top, left = round(centre[1] - shape.shape[0] / 2), round(centre[0] - shape.shape[1] / 2)
    return jpeg(photographed(write(table, shape, top, left, BLACK), light.lamp(_SIZE, rng, 0.6), rng))


def creased(digit: Digit, rng: np.random.Generator) -> bytes:
    """Paper that was folded: each field has a brightness of its own, and creases are bright or dark."""
    sheet = write_somewhere(plain(_SIZE, WHITE), shape_of(digit, 230), rng, BLACK)
    field = light.even(_SIZE)
    x, y = int(rng.integers(160, 480)), int(rng.integers(120, 360))
    for rows in (slice(None, y), slice(y, None)):
        for columns in (slice(None, x), slice(x, None)):
            field[rows, columns] = rng.uniform(0.7, 1)
    field[y - 1 : y + 2] *= 0.85
    field[:, x - 1 : x + 2] *= 1.1
    return jpeg(photographed(sheet, cv2.GaussianBlur(field, (0, 0), 1.5), rng))


def highlighter(digit: Digit, rng: np.random.Generator) -> bytes:
    """A light colour on white paper."""
    ink = [(250, 240, 90), (255, 170, 200), (150, 230, 250)][rng.integers(3)]
    sheet = write_somewhere(plain(_SIZE, (248, 248, 246)), shape_of(digit, 260, 0.12), rng, ink)
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, 0.8), rng), 90)


def thick_marker(digit: Digit, rng: np.random.Generator) -> bytes:
    """A thick marker that fills the picture."""
    size = (400, 400)
    shape = shape_of(digit, int(rng.integers(330, 385)), rng.uniform(0.15, 0.22))
    return jpeg(photographed(write_somewhere(plain(size, WHITE), shape, rng, BLACK), light.lamp(size, rng, 0.6), rng))


def poor_jpeg(digit: Digit, rng: np.random.Generator) -> bytes:
    """A small JPEG of the lowest quality."""
    size = (160, 160)
    sheet = write_somewhere(plain(size, (230, 228, 220)), shape_of(digit, 90), rng, BLUE)
    return jpeg(photographed(sheet, light.even(size), rng, 3), 8)


def captioned(digit: Digit, rng: np.random.Generator) -> bytes:
    """A screenshot with a line of text below or above."""
    size = (420, 420)
    sheet = write_somewhere(plain(size, (255, 255, 255)), shape_of(digit, 190), rng, (0, 0, 0))
    where = (int(rng.integers(20, 120)), 400 if rng.random() < 0.5 else 30)
    return png(printed(sheet, "Please read this", where, 0.8, (60, 60, 60), 2).astype(np.uint8))


def blinds(digit: Digit, rng: np.random.Generator) -> bytes:
    """The stripes that a window's blinds throw."""
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float32)
    angle, period = rng.uniform(-0.5, 0.5), rng.uniform(90, 160)
    wave = np.sin((x * np.sin(angle) + y * np.cos(angle)) * (2 * np.pi / period))
    field = 0.8 + 0.2 * np.clip(3 * wave, -1, 1)
    sheet = write_somewhere(plain(_SIZE, (228, 225, 216)), shape_of(digit, 240), rng, BLUE)
    return jpeg(photographed(sheet, field.astype(np.float32), rng))


def kraft_paper(digit: Digit, rng: np.random.Generator) -> bytes:
    """A white gel pen on brown paper."""
    sheet = textured(plain(_SIZE, (146, 112, 78)), rng, 6, 1.5)
    shape = wavering(shape_of(digit, 230, rng.uniform(0.04, 0.08)), rng, 0.7)
    sheet = write_somewhere(sheet, shape, rng, (238, 236, 230))
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, 0.6), rng))


def lined_board(digit: Digit, rng: np.random.Generator) -> bytes:
    """Chalk on a school's board with painted lines."""
    board = lined(textured(plain(_SIZE, (38, 66, 52)), rng, 5, 15), (120, 60, 60), 60, 2, grid=True)
    shape = wavering(shape_of(digit, 220, rng.uniform(0.07, 0.11)), rng, 0.5)
    return jpeg(photographed(write_somewhere(board, shape, rng, (230, 230, 224)), light.vignette(_SIZE, 0.5), rng))


def notebook(digit: Digit, rng: np.random.Generator) -> bytes:
    """A page with holes and a red margin, tilted."""
    page = lined(plain(_SIZE, (240, 238, 230)), (140, 160, 205), 44, 2, grid=False)
    cv2.line(page, (90, 0), (90, 479), (220, 90, 90), 2)
    for y in range(30, 480, 70):
        cv2.circle(page, (30, y), 9, (70, 60, 55), -1)
    page = write(page, shape_of(digit, 200, rng.uniform(0.05, 0.09)), 140, int(rng.integers(180, 380)), BLUE)
    turn = cv2.getRotationMatrix2D((320, 240), rng.uniform(-5, 5), 1.0)
    turned = cv2.warpAffine(page, turn, (640, 480), borderMode=cv2.BORDER_REPLICATE)
    return jpeg(photographed(turned, light.lamp(_SIZE, rng, 0.6), rng))


def tight_crop(digit: Digit, rng: np.random.Generator) -> bytes:
    """A photograph cut to the digit, so that strokes touch its edge."""
    shape = shape_of(digit, 240)
    size = (shape.shape[0] + int(rng.integers(0, 8)), shape.shape[1] + int(rng.integers(0, 8)))
    sheet = write_somewhere(plain(size, (214, 210, 200)), shape, rng, BLUE)
    return jpeg(photographed(sheet, light.lamp(size, rng, 0.7), rng))


def combed_form(digit: Digit, rng: np.random.Generator) -> bytes:
    """A form's row of boxes, the digit in one of them."""
    sheet = plain((200, 560), (252, 250, 246))
    for x in range(40, 521, 96):
        cv2.line(sheet, (x, 40), (x, 160), (200, 90, 90), 2)
    for y in (40, 160):
        cv2.line(sheet, (40, y), (520, y), (200, 90, 90), 2)
    shape = shape_of(digit, int(rng.integers(70, 96)))
    left = 40 + 96 * int(rng.integers(5)) + (96 - shape.shape[1]) // 2
    sheet = write(sheet, shape, 100 - shape.shape[0] // 2, left, BLACK)
    return jpeg(photographed(sheet, light.even((200, 560), 0.95), rng))


def out_of_focus(digit: Digit, rng: np.random.Generator) -> bytes:
    """A photograph that is out of focus, in dim light with much noise."""
    sheet = write_somewhere(plain(_SIZE, (190, 180, 160)), shape_of(digit, 200), rng, (50, 45, 50))
    sheet = cv2.GaussianBlur(sheet, (0, 0), rng.uniform(4, 8))
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, 0.5) * 0.6, rng, 9), 70)


def paint_program(digit: Digit, rng: np.random.Generator) -> bytes:
    """A dark paint program's window with its tool bar."""
    size = (440, 520)
    sheet = write_somewhere(plain(size, (30, 30, 34)), shape_of(digit, 220), rng, (240, 240, 240))
    sheet[:34] = (62, 62, 70)
    for x in range(12, 500, 36):
        cv2.rectangle(sheet, (x, 8), (x + 18, 26), (150, 150, 160), 2)
    return png(sheet.astype(np.uint8))


FURTHER: dict[str, Kind] = {
    "marker on a whiteboard, glare": whiteboard,
    "sticky note on a wooden table": sticky_note,
    "folded paper": creased,
    "highlighter on white": highlighter,
    "thick marker, fills the picture": thick_marker,
    "small JPEG of quality 8": poor_jpeg,
    "screenshot with a caption": captioned,
    "shadow of blinds": blinds,
    "white pen on brown paper": kraft_paper,
    "chalk on a lined board": lined_board,
    "notebook with margin and holes": notebook,
    "cut to the digit": tight_crop,
    "form with a row of boxes": combed_form,
    "out of focus, dim": out_of_focus,
    "dark paint program": paint_program,
}


def _photographed(sheet: NDArray[np.float32], rng: np.random.Generator) -> bytes:
    return jpeg(photographed(sheet, light.lamp(sheet.shape[:2], rng, 0.6), rng))


def _letter(rng: np.random.Generator, text: str) -> bytes:
    return _photographed(printed(plain(_SIZE, WHITE), text, (220, 330), 8, BLUE, 14), rng)


def _face(rng: np.random.Generator) -> bytes:
    sheet = plain(_SIZE, WHITE)
    cv2.circle(sheet, (320, 240), 150, BLACK, 6)
    for x in (265, 375):
        cv2.circle(sheet, (x, 200), 14, BLACK, -1)
    cv2.ellipse(sheet, (320, 270), (70, 45), 0, 10, 170, BLACK, 6)
    return _photographed(sheet, rng)


def _noise(rng: np.random.Generator) -> bytes:
    return png(rng.integers(0, 256, (200, 200), dtype=np.uint8))


# Pictures without a digit, each from a generator of numbers alone.
NO_DIGIT = {
    "blank paper, lamp": lambda rng: _photographed(textured(plain(_SIZE, WHITE), rng, 2, 2), rng),
    "blank board": lambda rng: _photographed(textured(plain(_SIZE, (44, 70, 56)), rng, 7, 25), rng),
    "ruled paper alone": lambda rng: _photographed(lined(plain(_SIZE, WHITE), (120, 140, 190), 40, 2, grid=False), rng),
    "squared paper alone": lambda rng: _photographed(
        lined(plain(_SIZE, WHITE), (120, 140, 190), 32, 1, grid=True), rng
    ),
    "noise": _noise,
    "a face": _face,
    "a letter": lambda rng: _letter(rng, "AEFHKMNRWX"[rng.integers(10)]),
}
