import contextlib
import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from api.errors import InvalidImage, NoDigitFound, PayloadTooLarge
from api.tasks.digits import image as digits
from api.tasks.digits.image_file import open_image
from tests.unit.api.fakes import encoded, marked

MAX_PX = 1_000_000


def decode(data: bytes):
    return digits.decode(open_image(data, MAX_PX)).image_u8


def stroke(side: int = 200, paper: int = 255, ink: int = 0, width: int = 20, mode: str = "L") -> Image.Image:
    """A vertical bar, off centre."""
    image = Image.new("L", (side, side), paper)
    ImageDraw.Draw(image).rectangle([side // 5, side // 4, side // 5 + width, side // 4 * 3], fill=ink)
    return image.convert(mode)


def test_a_28x28_image_in_mnists_form_passes_untouched():
    image = marked(4)
    assert np.array_equal(decode(encoded(image)), image)


def test_the_negative_of_a_28x28_image_in_mnists_form_is_only_inverted():
    image = marked(4)
    assert np.array_equal(decode(encoded(255 - image)), image)


def test_a_28x28_image_in_colour_is_read_as_its_grey():
    image = marked(4)
    assert np.array_equal(decode(encoded(np.repeat(image[:, :, None], 3, axis=2))), image)


@given(st.binary(min_size=784, max_size=784))
@settings(max_examples=50, deadline=None)
def test_a_28x28_image_of_noise_is_read_or_refused(raw):
    image = np.frombuffer(raw, np.uint8).reshape(28, 28)
    with contextlib.suppress(NoDigitFound):
        assert decode(encoded(image)).shape == (28, 28)


@pytest.mark.parametrize(
    "mode,paper,ink",
    [
        *itertools.product(["L", "RGB", "RGBA", "P", "LA", "I;16"], [255, 230, 110], [0, 20]),
        *itertools.product(["L", "RGB", "RGBA", "P", "LA", "I;16"], [0, 20], [255, 120]),
        ("1", 255, 0),
        ("1", 0, 255),
    ],
)
def test_every_mode_and_polarity_becomes_white_on_black_and_centred(mode, paper, ink):
    if mode == "I;16":
        grey = np.asarray(stroke(paper=paper, ink=ink)).astype(np.uint16) * 257
        image = Image.fromarray(grey)
    else:
        image = stroke(paper=paper, ink=ink, mode=mode)
    pixels = decode(encoded(image))
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.uint8
    assert pixels[:3].max() == 0
    assert pixels.max() == 255
    rows = np.flatnonzero(pixels.max(axis=1) > 40)
    assert len(rows) == 20
    mass_y, mass_x = (np.average(np.arange(28), weights=pixels.sum(axis=axis)) for axis in (1, 0))
    assert abs(mass_y - 13.5) <= 1
    assert abs(mass_x - 13.5) <= 1
    assert (pixels > 127).sum(axis=1).max() == 4  # the bar's 20 of 100 px


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "BMP", "WEBP", "GIF"])
def test_every_usual_format_gives_nearly_the_same(fmt):
    expected = decode(encoded(stroke())).astype(int)
    assert np.abs(decode(encoded(stroke(), fmt)).astype(int) - expected).mean() < 4


def test_ink_on_transparency_is_seen_in_either_colour():
    for level in (0, 255):
        image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
        ImageDraw.Draw(image).line([(50, 10), (50, 90)], fill=(level, level, level, 255), width=10)
        assert decode(encoded(image)).max() == 255


def test_a_photograph_on_its_side_is_turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view
    upright = decode(encoded(stroke(), "JPEG"))
    turned = decode(encoded(stroke().rotate(90), "JPEG", exif=exif))
    assert np.abs(upright.astype(int) - turned).mean() < 4


def test_a_hairline_keeps_its_full_white():
    assert decode(encoded(stroke(side=1000, width=2))).max() == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 4), (2000, 400)])
def test_odd_sizes_are_read_or_refused(size):
    image = Image.new("L", size, 0)
    image.putpixel((size[0] // 2, size[1] // 2), 255)
    with contextlib.suppress(NoDigitFound):
        assert decode(encoded(image)).shape == (28, 28)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(28, 28), (100, 100)])
def test_blank_paper_has_no_digit(size, level):
    with pytest.raises(NoDigitFound, match="Nothing in the image"):
        decode(encoded(Image.new("L", size, level)))


@pytest.mark.parametrize("side", [2_000, 20_000])
def test_too_many_pixels_are_refused_before_decoding(side):
    bomb = io.BytesIO()
    Image.new("1", (side, side)).save(bomb, "PNG")
    with pytest.raises(PayloadTooLarge, match="at most 1000000 px"):
        open_image(bomb.getvalue(), MAX_PX)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused(data):
    with pytest.raises(InvalidImage):
        decode(data)


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "BMP", "WEBP", "GIF"])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_read_or_refused_but_never_break(fmt, data):
    whole = bytearray(encoded(stroke(60), fmt))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        pixels = decode(bytes(whole[:cut]))
    except (InvalidImage, NoDigitFound, PayloadTooLarge):
        return
    assert pixels.shape == (28, 28)
