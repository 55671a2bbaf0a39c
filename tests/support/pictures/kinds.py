"""The kinds of pictures that the clean-up was written for. Each takes a digit of MNIST's and a generator of numbers."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.pictures import light
from tests.support.pictures.files import jpeg, png
from tests.support.pictures.pens import shape_of, wavering
from tests.support.pictures.sheets import lined, photographed, plain, textured, write, write_somewhere

Digit = NDArray[np.uint8]
Kind = Callable[[Digit, np.random.Generator], bytes]
WHITE, BLUE, BLACK = (244, 244, 240), (36, 46, 120), (20, 20, 20)
_SIZE = (420, 420)


def mnist(digit: Digit, rng: np.random.Generator) -> bytes:
    """MNIST's own PNG."""
    return png(digit)


def even_light(digit: Digit, rng: np.random.Generator) -> bytes:
    """A pen on paper in even light."""
    sheet = write_somewhere(plain(_SIZE, (206, 204, 198)), shape_of(digit, 160), rng, BLUE)
    return jpeg(photographed(sheet, light.even(_SIZE), rng))


def drawn(digit: Digit, rng: np.random.Generator) -> bytes:
    """Black on white from an editor, or white on black."""
    paper, ink = [((255, 255, 255), (0, 0, 0)), ((0, 0, 0), (255, 255, 255))][rng.integers(2)]
    sheet = write_somewhere(plain((300, 400), paper), shape_of(digit, int(rng.integers(80, 260))), rng, ink)
    return png(sheet.astype(np.uint8))


def lamp(digit: Digit, rng: np.random.Generator) -> bytes:
    """Light from one side."""
    sheet = write_somewhere(plain(_SIZE, (216, 214, 205)), shape_of(digit, 160), rng, BLUE)
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, rng.uniform(0.25, 0.5)), rng))


def vignette(digit: Digit, rng: np.random.Generator) -> bytes:
    """Dark corners."""
    sheet = write_somewhere(plain(_SIZE, (216, 214, 205)), shape_of(digit, 160), rng, BLUE)
    return jpeg(photographed(sheet, light.vignette(_SIZE, rng.uniform(0.25, 0.5)), rng))


def hand(digit: Digit, rng: np.random.Generator) -> bytes:
    """The shadow of a hand."""
    sheet = write_somewhere(plain(_SIZE, (225, 222, 214)), shape_of(digit, 160), rng, BLUE)
    shadow = light.hand(_SIZE, rng, rng.uniform(0.45, 0.65), rng.uniform(0.01, 0.04))
    return jpeg(photographed(sheet, shadow, rng))


def biro(digit: Digit, rng: np.random.Generator) -> bytes:
    """A phone's photograph of a blue biro's thin line, in uneven light."""
    size = (960, 720)
    shape = shape_of(digit, int(rng.integers(180, 420)), rng.uniform(0.02, 0.045))
    sheet = textured(plain(size, (198, 192, 180)), rng, 2, 3)
    sheet = write_somewhere(sheet, wavering(shape, rng, 0.6), rng, (52, 62, 128), 0.85)
    return jpeg(photographed(sheet, light.lamp(size, rng, 0.5), rng, 3), 80)


def ruled(digit: Digit, rng: np.random.Generator) -> bytes:
    """Ruled paper, tilted a little."""
    sheet = lined(plain(_SIZE, WHITE), (150, 175, 215), 36, 1, grid=False, tilt=rng.uniform(-0.03, 0.03))
    return jpeg(photographed(write_somewhere(sheet, shape_of(digit, 150), rng, BLUE), light.even(_SIZE, 0.95), rng))


def grid(digit: Digit, rng: np.random.Generator) -> bytes:
    """Squared paper, some of it with a dark print."""
    colour = [(190, 200, 215), (150, 160, 180), (120, 130, 160)][rng.integers(3)]
    sheet = lined(plain(_SIZE, WHITE), colour, int(rng.integers(18, 40)), 1, grid=True, tilt=rng.uniform(-0.02, 0.02))
    return jpeg(photographed(write_somewhere(sheet, shape_of(digit, 150), rng, BLUE), light.even(_SIZE, 0.95), rng))


def pencil(digit: Digit, rng: np.random.Generator) -> bytes:
    """A pencil on yellowed paper."""
    sheet = textured(plain(_SIZE, (222, 204, 158)), rng, 4, 2)
    shape = wavering(shape_of(digit, 170, rng.uniform(0.04, 0.08)), rng, 0.4)
    sheet = write_somewhere(sheet, shape, rng, (110, 104, 96), 0.75)
    return jpeg(photographed(sheet, light.lamp(_SIZE, rng, 0.7), rng, 3), 80)


def chalk(digit: Digit, rng: np.random.Generator) -> bytes:
    """Chalk on a board that was wiped badly."""
    colour = [(44, 70, 56), (50, 52, 54)][rng.integers(2)]
    sheet = textured(textured(plain(_SIZE, colour), rng, 7, 25), rng, 4, 1)
    shape = wavering(shape_of(digit, 180, rng.uniform(0.06, 0.12)), rng, 0.35)
    return jpeg(photographed(write_somewhere(sheet, shape, rng, (225, 225, 218)), light.lamp(_SIZE, rng, 0.6), rng, 3))


def scan_strip(digit: Digit, rng: np.random.Generator) -> bytes:
    """A scan with a black strip along an edge or two."""
    sheet = plain((700, 600), (246, 246, 244))
    sheet = write_somewhere(sheet, shape_of(digit, int(rng.integers(110, 200))), rng, BLACK)
    sheet[:, : int(rng.integers(10, 40))] = 8
    if rng.random() < 0.5:
        sheet[-int(rng.integers(8, 30)) :] = 8
    return jpeg(photographed(np.rot90(sheet, 0).copy(), light.even((700, 600)), rng, 1))


def printed_box(digit: Digit, rng: np.random.Generator) -> bytes:
    """A form's box, of one to four pixels, somewhat skew in half of the pictures."""
    sheet = plain((320, 320), (255, 255, 255))
    margin, width = int(rng.integers(8, 50)), int(rng.integers(1, 5))
    skew = int(rng.integers(-5, 6)) if rng.random() < 0.5 else 0
    low, high = margin, 319 - margin
    corners = np.array([[low, low + skew], [high, low], [high - skew, high], [low - skew, high]], np.int32)
    cv2.polylines(sheet, [corners], True, BLACK, width)
    inside = shape_of(digit, int((high - low) * rng.uniform(0.5, 0.75)))
    top, left = ((320 - side) // 2 for side in inside.shape)
    return png(write(sheet, inside, top, left, BLACK).clip(0, 255).astype(np.uint8))


def dust(digit: Digit, rng: np.random.Generator) -> bytes:
    """Three to a dozen specks around the digit."""
    sheet = write_somewhere(plain((400, 400), (255, 255, 255)), shape_of(digit, 140), rng, BLACK)
    for _ in range(rng.integers(3, 13)):
        centre = tuple(int(value) for value in rng.integers(8, 392, 2))
        cv2.circle(sheet, centre, int(rng.integers(1, 4)), (60, 60, 60), -1)
    return png(sheet.astype(np.uint8))


def slip(digit: Digit, rng: np.random.Generator) -> bytes:
    """A slip of paper on a dark desk, turned a little."""
    size = (480, 640)
    desk = textured(plain(size, (62, 44, 32)), rng, 6, 8)
    side = int(rng.integers(220, 340))
    corners = cv2.boxPoints(
        ((320 + rng.uniform(-60, 60), 240 + rng.uniform(-30, 30)), (side * 1.2, side), rng.uniform(-12, 12))
    )
    cv2.fillPoly(desk, [corners.astype(np.int32)], (232, 230, 222))
    shape = shape_of(digit, int(side * rng.uniform(0.4, 0.65)))
    centre = corners.mean(axis=0)
    top, left = round(centre[1] - shape.shape[0] / 2), round(centre[0] - shape.shape[1] / 2)
    return jpeg(photographed(write(desk, shape, top, left, BLUE), light.lamp(size, rng, 0.7), rng))


def window(digit: Digit, rng: np.random.Generator) -> bytes:
    """A window's screenshot: opaque, with a shadow on transparency around it."""
    sheet = write_somewhere(plain((340, 360), (255, 255, 255)), shape_of(digit, 170), rng, (0, 0, 0))
    if rng.random() < 0.5:
        sheet = 255 - sheet
    margin = 36
    alpha = np.zeros((340 + 2 * margin, 360 + 2 * margin), np.float32)
    alpha[margin + 8 : -margin + 8, margin:-margin] = 120
    alpha = cv2.GaussianBlur(alpha, (0, 0), 12)
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[..., 3] = alpha
    rgba[margin:-margin, margin:-margin, :3] = sheet
    rgba[margin:-margin, margin:-margin, 3] = 255
    return png(rgba)


def ink_alone(digit: Digit, rng: np.random.Generator) -> bytes:
    """Ink of any colour on transparency."""
    rgba = np.zeros((400, 400, 4), np.uint8)
    shape = shape_of(digit, 220)
    rgba[90 : 90 + shape.shape[0], 90 : 90 + shape.shape[1], 3] = shape * 255
    rgba[..., :3] = rng.integers(0, 256, 3)
    return png(rgba)


def small_grey_paper(digit: Digit, rng: np.random.Generator) -> bytes:
    """28×28, dark on grey paper."""
    paper, ink = rng.integers(140, 210), rng.integers(20, 80)
    return png((paper - (paper - ink) * (digit / 255.0)).astype(np.uint8))


def small_lifted_black(digit: Digit, rng: np.random.Generator) -> bytes:
    """28×28, white on a black that is none."""
    level = int(rng.integers(15, 60))
    return png(np.maximum(digit, level).astype(np.uint8))


def small_in_a_corner(digit: Digit, rng: np.random.Generator) -> bytes:
    """28×28, small and off centre."""
    side = int(rng.integers(14, 20))
    small = cv2.resize(digit, (side, side), interpolation=cv2.INTER_AREA)
    out = np.zeros((28, 28), np.uint8)
    top, left = (0 if value < 0.5 else 28 - side for value in rng.random(2))
    out[top : top + side, left : left + side] = small
    return png(out)


def far_away(digit: Digit, rng: np.random.Generator) -> bytes:
    """A photograph of 12 megapixels, the digit a tenth of its height."""
    size = (3000, 4000)
    sheet = plain((size[0] // 2, size[1] // 2), (205, 200, 190))
    sheet = write_somewhere(sheet, shape_of(digit, size[0] // 20), rng, BLUE)
    half = photographed(sheet, light.lamp(sheet.shape[:2], rng, 0.5), rng, 4)
    return jpeg(cv2.resize(half, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), 85)


def colour_alone(digit: Digit, rng: np.random.Generator) -> bytes:
    """Ink of the paper's luma: only the colour differs."""
    paper, ink = [
        ((200, 130, 130), (96, 185, 120)),
        ((150, 160, 220), (190, 155, 90)),
        ((120, 190, 120), (225, 130, 170)),
    ][rng.integers(3)]
    sheet = write_somewhere(plain(_SIZE, paper), shape_of(digit, 190), rng, ink)
    return jpeg(photographed(sheet, light.even(_SIZE), rng, 1), 92)


KINDS: dict[str, Kind] = {
    "MNIST's own 28×28": mnist,
    "even light (control)": even_light,
    "drawn in an editor": drawn,
    "phone, blue biro": biro,
    "lamp from one side": lamp,
    "vignette": vignette,
    "shadow of a hand": hand,
    "ruled paper": ruled,
    "grid paper": grid,
    "pencil on yellowed paper": pencil,
    "chalk on a board": chalk,
    "scan with a black strip": scan_strip,
    "printed box": printed_box,
    "dust": dust,
    "slip of paper on a dark desk": slip,
    "window screenshot, transparent rim": window,
    "ink on transparency": ink_alone,
    "28×28 of grey paper": small_grey_paper,
    "28×28 with a lifted black": small_lifted_black,
    "28×28 in a corner": small_in_a_corner,
    "12 megapixels, digit a tenth of the height": far_away,
    "ink of the paper's luma": colour_alone,
}
