"""Each step of the clean-up, on pictures whose right answer is known."""

import cv2
import numpy as np
import pytest

from api.errors import NoDigitFound
from api.tasks.digits.clean_up import find_digit, light, mnist_form, paper, rules, sheet, transparency
from api.tasks.digits.clean_up.components import Pieces
from api.tasks.digits.clean_up.contrast import grey_of
from api.tasks.digits.clean_up.ink import Ink, find_ink
from tests.unit.api.fakes import marked


def bar(paper_level: int = 255, ink: int = 0, side: int = 300) -> np.ndarray:
    picture = np.full((side, side), paper_level, np.uint8)
    picture[side // 4 : side * 3 // 4, side // 2 - 10 : side // 2 + 10] = ink
    return picture


def test_mnists_form_is_a_centred_digit_on_black_and_nothing_else():
    image = marked(4)
    assert mnist_form.is_mnist_form(image)
    assert not mnist_form.is_mnist_form(np.roll(image, 5, axis=1))
    assert not mnist_form.is_mnist_form(np.maximum(image, 30))
    assert not mnist_form.is_mnist_form(image // 2)
    assert not mnist_form.is_mnist_form(np.zeros((28, 28), np.uint8))


def test_lifted_levels_are_stretched_on_the_same_pixels():
    stretched = mnist_form.with_levels(np.maximum(marked(4), 40))
    assert stretched is not None
    assert np.array_equal(stretched > 0, marked(4) > 0)


def test_a_thin_stroke_is_widened_to_two_pixels():
    ink = np.zeros((200, 60), np.uint8)
    ink[:, 30] = 255
    assert (mnist_form.to_mnist_form(ink) > 100).sum(axis=1).max() == 2


def test_a_window_loses_its_transparent_rim_and_ink_alone_gets_paper():
    window = np.zeros((100, 100, 4), np.uint8)
    window[20:80, 20:80] = 255
    window[40:60, 45:55, :3] = 0
    assert transparency.flattened(window).shape == (60, 60, 3)
    alone = np.zeros((100, 100, 4), np.uint8)
    alone[20:80, 45:55] = (200, 10, 10, 255)
    flat = transparency.flattened(alone)
    assert flat[50, 50] == 0
    assert flat[0, 0] == 255


def test_colour_shows_ink_that_brightness_does_not():
    picture = np.full((200, 200, 3), (200, 130, 130), np.uint8)
    picture[50:150, 90:110] = (96, 185, 120)  # of the same luma, 151
    grey = grey_of(picture)
    assert int(grey[10, 10]) - int(grey[100, 100]) > 80


def test_light_that_falls_off_is_evened():
    slope = np.linspace(250, 100, 300)[None].repeat(200, axis=0).astype(np.uint8)
    assert np.ptp(light.evened(slope)) <= 12
    assert np.ptp(slope) == 150


@pytest.mark.parametrize("paper_level,ink", [(240, 60), (30, 220)])
def test_ink_is_what_differs_from_paper_in_either_polarity(paper_level, ink):
    distance = paper.ink_on(bar(paper_level, ink))
    assert distance[150, 150] > 150
    assert distance[10, 10] < 10


def test_a_slip_of_paper_is_kept_without_the_desk():
    desk = np.full((300, 400), 50, np.uint8)
    desk[60:240, 100:300] = 230  # 180×200
    desk[110:190, 190:210] = 40
    part = sheet.without_surroundings(desk)
    assert part.shape[0] < 185
    assert part.shape[1] < 205
    assert part[0, 0] > 200
    assert sheet.without_surroundings(bar()).shape == (300, 300)


def test_rules_are_erased_and_the_stroke_across_them_stays():
    mask = 255 - bar()
    mask[20:300:40] = 255
    left = rules.without_rules(Ink(mask, mask)).mask_u8
    assert not left[20:300:40, :100].any()
    assert left[100, 150]


def test_paper_without_ink_has_none():
    noise = np.random.default_rng(1).integers(0, 8, (200, 200)).astype(np.uint8)
    assert find_ink(noise) is None


def test_strips_frames_and_dust_are_not_the_digit():
    mask = 255 - bar()
    mask[:, :12] = 255
    cv2.rectangle(mask, (40, 30), (280, 270), 255, 2)
    mask[50:53, 60:63] = 255
    pieces = Pieces(mask)
    assert len(pieces.foreign()) == 2
    digit = pieces.digit()
    assert digit is not None
    assert digit.box == (140, 75, 20, 150)
    assert digit.rivals == 0


def test_a_box_of_a_form_that_takes_a_third_of_the_picture_is_a_frame():
    mask = np.zeros((300, 520), np.uint8)
    cv2.rectangle(mask, (300, 90), (440, 250), 255, 2)
    mask[110:230, 360:380] = 255
    pieces = Pieces(mask)
    assert len(pieces.foreign()) == 1
    digit = pieces.digit()
    assert digit is not None
    assert digit.box == (360, 110, 20, 120)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_nothing_is_found_on_blank_or_squared_paper(level):
    picture = np.full((240, 320), level, np.uint8)
    with pytest.raises(NoDigitFound):
        find_digit(picture)
    picture[::24] = picture[:, ::24] = 128
    with pytest.raises(NoDigitFound):
        find_digit(picture)
