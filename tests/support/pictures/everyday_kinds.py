"""Everyday kinds of pictures, written after both other lists: what phones, tills, displays and forms add to a digit."""

import cv2
import numpy as np

from tests.support.pictures import light
from tests.support.pictures.files import jpeg, png
from tests.support.pictures.kinds import BLACK, BLUE, WHITE, Digit, Kind
from tests.support.pictures.pens import Mask, shape_of, wavering
from tests.support.pictures.sheets import Colour, Sheet, lined, photographed, plain, printed, textured, write

_SIZE = (600, 800)
_SKIN = (205, 158, 130)


def _wood(size: tuple[int, int], rng: np.random.Generator, colour: Colour) -> Sheet:
    grain = cv2.GaussianBlur(rng.standard_normal(size).astype(np.float32), (0, 0), sigmaX=50, sigmaY=2)
    return plain(size, colour) + 12 * (grain / grain.std())[..., None]


def _centred(sheet: Sheet, mask: Mask, x: float, y: float, colour: Colour, opacity: float = 1.0) -> Sheet:
    return write(sheet, mask, round(y - mask.shape[0] / 2), round(x - mask.shape[1] / 2), colour, opacity)


def _seen_from_a_side(sheet: Sheet, table: Sheet, rng: np.random.Generator, share: float) -> Sheet:
    """Lay a sheet on a table and look at it from a side; its longer side is this share of the picture's height."""
    height, width = sheet.shape[:2]
    rows, columns = table.shape[:2]
    half = share * rows / 2
    corners = np.float32([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (half * width / height, half)
    corners *= np.float32(rng.uniform(0.8, 1.0, (4, 2)))
    turn = np.radians(rng.uniform(-12, 12))
    corners = corners @ np.float32([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners += np.float32((columns / 2 + rng.uniform(-40, 40), rows / 2 + rng.uniform(-20, 20)))
    view = cv2.getPerspectiveTransform(
        np.float32([[0, 0], [width, 0], [width, height], [0, height]]), np.float32(corners)
    )
    size = (columns, rows)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), view, size, flags=cv2.INTER_AREA)[..., None]
    return table * (1 - cover) + cv2.warpPerspective(sheet, view, size) * cover


def biro_under_a_lamp(digit: Digit, rng: np.random.Generator) -> bytes:
    """Blue biro on lined paper under a warm lamp: noise, blur and a JPEG of quality 60."""
    tilt = rng.uniform(-0.04, 0.04)
    sheet = lined(plain(_SIZE, (236, 230, 212)), (170, 180, 205), int(rng.integers(44, 70)), 2, grid=False, tilt=tilt)
    shape = wavering(shape_of(digit, int(rng.integers(160, 300)), rng.uniform(0.025, 0.05)), rng, 0.7)
    sheet = _centred(sheet, shape, rng.uniform(300, 500), rng.uniform(230, 370), (48, 58, 132), 0.9)
    sheet = cv2.GaussianBlur(sheet, (0, 0), rng.uniform(0.6, 1.6)) * np.float32((1.0, 0.95, 0.8))
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, rng.uniform(0.4, 0.7)), rng, 5), 60)


def paper_at_an_angle(digit: Digit, rng: np.random.Generator) -> bytes:
    """A sheet on a wooden table, seen at an angle, all of its edges in the picture."""
    sheet = _centred(plain((420, 320), (238, 236, 228)), shape_of(digit, 220, 0.08), 160, 210, BLUE)
    seen = _seen_from_a_side(sheet, _wood(_SIZE, rng, (140, 98, 62)), rng, 0.85)
    return jpeg(photographed(seen, light.lamp(_SIZE, rng, 0.6), rng, 3))


def sheet_edge(digit: Digit, rng: np.random.Generator) -> bytes:
    """A sheet that covers most of the picture, a dark table behind one or two of its edges."""
    sheet = _centred(plain(_SIZE, (232, 230, 222)), shape_of(digit, 260, rng.uniform(0.05, 0.09)), 400, 300, BLACK)
    table = _wood(_SIZE, rng, (88, 60, 42))
    cover = np.ones(_SIZE, np.float32)
    edge, slope = int(rng.integers(60, 160)), int(rng.integers(-40, 40))
    cv2.fillPoly(cover, [np.array([(0, 0), (edge, 0), (edge + slope, 599), (0, 599)], np.int32)], 0.0)
    if rng.random() < 0.5:
        lower = 599 - int(rng.integers(30, 90))
        cv2.fillPoly(cover, [np.array([(0, lower), (799, lower + slope), (799, 599), (0, 599)], np.int32)], 0.0)
    cover = cv2.GaussianBlur(cover, (0, 0), 1)[..., None]
    return jpeg(photographed(sheet * cover + table * (1 - cover), light.lamp(_SIZE, rng, 0.6), rng, 3))


def held_by_fingers(digit: Digit, rng: np.random.Generator) -> bytes:
    """A finger or two that hold the sheet reach in from an edge."""
    sheet = _centred(textured(plain(_SIZE, WHITE), rng, 1.5, 2), shape_of(digit, 260, 0.08), 400, 280, BLUE)
    for _ in range(rng.integers(1, 3)):
        x, from_left = int(rng.integers(60, 740)), rng.random() < 0.5
        tip = (int(rng.integers(50, 150)), x * 3 // 4) if from_left else (x, 600 - int(rng.integers(50, 130)))
        root = (0, tip[1] + 30) if from_left else (tip[0] + 30, 599)
        cv2.line(sheet, root, tip, _SKIN, 74, cv2.LINE_AA)
        cv2.ellipse(sheet, tip, (22, 18), 0, 0, 360, (228, 186, 164), -1)
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, 0.65), rng, 2))


def receipt(digit: Digit, rng: np.random.Generator) -> bytes:
    """A narrow curled receipt on a table, lines of small grey print above, the digit in biro below."""
    slip = textured(plain((560, 240), (234, 234, 232)), rng, 2, 3)
    for y in range(30, 210, 26):
        text = "".join(rng.choice(list("ABEKLMNRT ,.0123456789"), int(rng.integers(8, 17))))
        slip = printed(slip, text, (14, y), 0.5, (110, 108, 112), 1)
    slip = _centred(slip, shape_of(digit, 190, rng.uniform(0.05, 0.08)), 120, 370, BLUE)
    curl = 0.82 + 0.18 * np.sin(np.linspace(0, 3 * np.pi, 560, dtype=np.float32))
    table = _wood((640, 560), rng, (96, 76, 60))
    table[40:600, 160:400] = slip * curl[:, None, None]
    return jpeg(photographed(table, light.lamp((640, 560), rng, 0.7), rng, 3), 75)


def bleeding_felt_pen(digit: Digit, rng: np.random.Generator) -> bytes:
    """A felt pen that bleeds into soft paper: a halo around strokes and a lighter core in places."""
    shape = shape_of(digit, 300, rng.uniform(0.09, 0.15))
    padded = np.pad(shape, 40)
    halo = cv2.GaussianBlur(padded, (0, 0), rng.uniform(5, 9))
    feather = cv2.GaussianBlur(rng.standard_normal(padded.shape).astype(np.float32), (0, 0), 3)
    halo = (halo * (0.6 + 0.5 * feather / feather.std())).clip(0, 1)
    ink = (40, 30, 70) if rng.random() < 0.5 else (150, 30, 50)
    sheet = _centred(textured(plain(_SIZE, (232, 226, 210)), rng, 4, 3), halo, 400, 300, ink, 0.6)
    sheet = _centred(sheet, wavering(padded, rng, 0.75, 6), 400, 300, ink, 0.95)
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, 0.6), rng, 2))


_SEGMENTS = {0: "abcdef", 1: "bc", 2: "abged", 3: "abgcd", 4: "fgbc", 5: "afgcd", 6: "afgedc", 7: "abc", 8: "abcdefg",
             9: "abcdfg"}  # fmt: skip
_ENDS = {"a": (0, 0, 1, 0), "b": (1, 0, 1, 1), "c": (1, 1, 1, 2), "d": (0, 2, 1, 2), "e": (0, 1, 0, 2),
         "f": (0, 0, 0, 1), "g": (0, 1, 1, 1)}  # fmt: skip


def seven_segments(value: int, rng: np.random.Generator) -> bytes:
    """A display of seven segments: lit ones on a dark case, or dark ones on a green-grey LCD, unlit ones faint."""
    is_lcd = rng.random() < 0.5
    paper, ink, unlit = (
        ((168, 178, 150), (36, 40, 34), (158, 168, 141)) if is_lcd else ((22, 20, 22), (250, 60, 50), (44, 24, 24))
    )
    sheet = plain((480, 420), paper)
    x, y, side, width = 130, 70, 160, int(rng.integers(20, 32))
    for lit in (False, True):
        for name, (x0, y0, x1, y1) in _ENDS.items():
            if (name in _SEGMENTS[value]) is lit:
                gap = width // 2 + 3
                dx, dy = (gap, 0) if y0 == y1 else (0, gap)
                ends = ((x + x0 * side + dx, y + y0 * side + dy), (x + x1 * side - dx, y + y1 * side - dy))
                cv2.line(sheet, *ends, ink if lit else unlit, width - 6, cv2.LINE_AA)
    slant = np.float32([[1, -rng.uniform(0, 0.15), 20], [0, 1, 0]])
    sheet = cv2.warpAffine(sheet, slant, (420, 480), borderMode=cv2.BORDER_REPLICATE)
    return jpeg(photographed(sheet, light.lamp((480, 420), rng, 0.75), rng, 3))


def typed(value: int, rng: np.random.Generator) -> bytes:
    """A typed digit in a photograph of a page."""
    size, scale = (420, 420), rng.uniform(5, 9)
    face = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX][rng.integers(3)]
    (width, height), _ = cv2.getTextSize(str(value), face, scale, int(scale * 2))
    cover = np.zeros(size, np.uint8)
    cv2.putText(cover, str(value), ((420 - width) // 2, (420 + height) // 2), face, scale, 255, int(scale * 2))
    sheet = write(plain(size, WHITE), cover.astype(np.float32) / 255, 0, 0, BLACK)
    return jpeg(photographed(sheet, light.lamp(size, rng, 0.5), rng))


def labelled_box(digit: Digit, rng: np.random.Generator) -> bytes:
    """A form's box with a printed label beside or above it."""
    size = (300, 520)
    sheet = plain(size, (250, 250, 248))
    cv2.rectangle(sheet, (300, 90), (440, 250), (70, 70, 70), int(rng.integers(1, 4)))
    label = ["Quantity:", "Room no.", "Grade", "Class"][rng.integers(4)]
    where = (110, 185) if rng.random() < 0.5 else (300, 70)
    sheet = printed(sheet, label, where, 0.9, (40, 40, 40), 2)
    shape = shape_of(digit, int(rng.integers(90, 130)), rng.uniform(0.06, 0.1))
    sheet = _centred(sheet, shape, 370, 170, BLUE)
    return jpeg(photographed(sheet, light.lamp(size, rng, 0.8), rng))


def margin_and_holes(digit: Digit, rng: np.random.Generator) -> bytes:
    """A squared page from a ring binder: two holes, a red margin, in a photograph turned by some degrees."""
    page = lined(plain(_SIZE, (242, 242, 236)), (178, 196, 216), 34, 1, grid=True)
    cv2.line(page, (130, 0), (130, 599), (214, 96, 100), 3)
    for y in (160, 440):
        cv2.circle(page, (60, y), 20, (84, 66, 50), -1)
    page = _centred(page, shape_of(digit, 230, rng.uniform(0.04, 0.08)), 460, 300, (60, 60, 66), 0.9)
    turn = cv2.getRotationMatrix2D((400, 300), rng.uniform(-6, 6), 1.08)
    page = cv2.warpAffine(page, turn, (800, 600), borderMode=cv2.BORDER_REPLICATE)
    return jpeg(photographed(page, light.hand(_SIZE, rng, 0.7, 0.03), rng, 3), 80)


def dark_mode(digit: Digit, rng: np.random.Generator) -> bytes:
    """A phone's screenshot in dark mode: a status bar above, a round button below, the digit on a canvas."""
    sheet = plain((800, 400), (18, 18, 20))
    cv2.rectangle(sheet, (20, 110), (380, 600), (32, 33, 36), -1)
    sheet = printed(sheet, "12:04", (24, 36), 0.7, (230, 230, 230), 2)
    for x in (310, 340, 370):
        cv2.circle(sheet, (x, 30), 7, (220, 220, 220), -1)
    cv2.circle(sheet, (200, 700), 34, (138, 180, 248), -1)
    sheet = printed(sheet, "Draw", (30, 90), 0.9, (154, 160, 166), 2)
    shape = shape_of(digit, int(rng.integers(160, 260)), rng.uniform(0.06, 0.12))
    return png(_centred(sheet, shape, 200, 355, (240, 240, 242)).clip(0, 255).astype(np.uint8))


def reflecting_board(digit: Digit, rng: np.random.Generator) -> bytes:
    """A whiteboard that reflects a window's panes, with traces of what was wiped off."""
    board = textured(plain(_SIZE, (196, 200, 204)), rng, 1.5, 60)
    for _ in range(4):
        ends = rng.integers(0, 600, 4)
        cv2.line(board, (int(ends[0]), int(ends[1])), (int(ends[2]), int(ends[3])), (184, 189, 196), 16, cv2.LINE_AA)
    ink = [(30, 34, 44), (30, 70, 170), (180, 40, 46)][rng.integers(3)]
    board = _centred(board, shape_of(digit, 330, rng.uniform(0.05, 0.08)), 400, 300, ink, 0.92)
    panes = np.zeros(_SIZE, np.float32)
    x, y = int(rng.integers(40, 560)), int(rng.integers(30, 380))
    for dx in (0, 80):
        cv2.rectangle(panes, (x + dx, y), (x + dx + 70, y + 150), 1.0, -1)
    panes = cv2.GaussianBlur(panes, (0, 0), rng.uniform(3, 8))[..., None]
    return jpeg(photographed(board + (255 - board) * 0.5 * panes, light.lamp(_SIZE, rng, 0.7), rng, 2))


def street_chalk(digit: Digit, rng: np.random.Generator) -> bytes:
    """Thick chalk on asphalt."""
    ground = textured(textured(plain(_SIZE, (92, 92, 94)), rng, 10, 2), rng, 6, 20)
    ink = [(226, 226, 222), (238, 186, 200), (236, 226, 150)][rng.integers(3)]
    shape = wavering(shape_of(digit, 380, rng.uniform(0.08, 0.14)), rng, 0.35, 2)
    return jpeg(photographed(_centred(ground, shape, 400, 300, ink, 0.9), light.hand(_SIZE, rng, 0.7), rng, 3))


# The digits' values that MNIST doesn't write are drawn by generators that take the value itself.
EVERYDAY: dict[str, Kind] = {
    "biro on lined paper under a lamp, JPEG 60": biro_under_a_lamp,
    "sheet at an angle on a wooden table": paper_at_an_angle,
    "edge of the sheet, table behind": sheet_edge,
    "fingers hold the sheet": held_by_fingers,
    "receipt with print": receipt,
    "felt pen that bleeds": bleeding_felt_pen,
    "form's box with a label": labelled_box,
    "squared page with margin and holes": margin_and_holes,
    "screenshot in dark mode": dark_mode,
    "whiteboard with a window's reflection": reflecting_board,
    "chalk on asphalt": street_chalk,
}
PRINTED = {"display of seven segments": seven_segments, "typed, photographed": typed}
