"""What comes out of a file: its pixels, upright and of bounded size, whatever kind it is of."""

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw

from api.errors import InvalidImage, PayloadTooLarge
from api.settings import Settings
from api.tasks.digits import decode_memory, frames, image_file
from api.tasks.digits.heic import is_heic
from api.tasks.digits.image_file import open_image
from tests.support.picture_files import deep_png, saved

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # the api leaves them out too: test_logs

MAX_PX = Settings().max_image_px
LOSSY = {"JPEG": {"quality": 95}, "HEIC": {"quality": 90}, "AVIF": {"quality": 90, "speed": 10}}
FORMATS = ["PNG", "JPEG", "BMP", "WEBP", "GIF", "HEIC", "AVIF"]
# One corner is dark: EXIF's orientation says where it belongs.
CORNER_BY_ORIENTATION = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}


def pixels(data: bytes, max_bytes: int = image_file.MAX_DECODE_BYTES) -> np.ndarray:
    return open_image(data, MAX_PX, max_bytes).pixels()


def corner(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """White with a dark upper left quarter."""
    image = Image.new("L", (width, height), 255)
    ImageDraw.Draw(image).rectangle([0, 0, width // 2 - 1, height // 2 - 1], fill=20)
    return image.convert(mode)


def dark_corner(array: np.ndarray) -> tuple[int, int]:
    """Return the row and the column, 0 or 1 each, of the dark quarter."""
    grey = array[..., :3].mean(axis=2) if array.ndim == 3 else array
    rows, cols = grey.shape[0] // 2, grey.shape[1] // 2
    means = [[grey[y * rows :][:rows, x * cols :][:, :cols].mean() for x in (0, 1)] for y in (0, 1)]
    darkest, next_darkest = sorted(np.ravel(means))[:2]
    assert darkest < 40
    assert next_darkest > 230
    return divmod(int(np.argmin(means)), 2)


def test_the_default_of_the_memory_is_the_setting_s():
    assert Settings().max_decode_bytes == image_file.MAX_DECODE_BYTES


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_keeps_its_colours(fmt):
    image = Image.new("RGB", (64, 48), (200, 40, 90))
    array = pixels(saved(image, fmt, **LOSSY.get(fmt, {})))
    assert array.shape == (48, 64, 3)
    assert array.dtype == np.uint8
    assert np.abs(array.astype(int) - (200, 40, 90)).max() <= 8


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "HEIC", "AVIF"])
def test_transparency_is_kept(fmt):
    image = corner(mode="RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    array = pixels(saved(image, fmt, **LOSSY.get(fmt, {})))
    assert array.shape == (64, 96, 4)
    assert np.abs(array[..., 3].astype(int) - np.asarray(image)[..., 3]).max() <= 12


@pytest.mark.parametrize(
    "mode,options,channels",
    [("L", {}, 2), ("1", {}, 2), ("P", {}, 3), ("RGB", {}, 3), ("LA", {}, 4), ("L", {"transparency": 255}, 4),
     ("RGB", {"transparency": (255, 255, 255)}, 4), ("P", {"transparency": 0}, 4)],
)  # fmt: skip
@pytest.mark.parametrize("side", [90, 1800])
def test_every_mode_of_a_png_becomes_grey_colour_or_colour_with_alpha(mode, options, channels, side):
    array = pixels(saved(corner(side, side, mode), "PNG", **options))
    assert array.shape[:2] == (side, side) if side < 1600 else (900, 900)
    assert (2 if array.ndim == 2 else array.shape[2]) == channels


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "AVIF", "HEIC"])
@pytest.mark.parametrize("orientation", CORNER_BY_ORIENTATION)
def test_exif_s_orientation_is_applied_once(fmt, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    array = pixels(saved(corner(), fmt, exif=exif.tobytes(), **LOSSY.get(fmt, {})))
    assert array.shape[:2] == ((64, 96) if orientation < 5 else (96, 64))
    assert dark_corner(array) == CORNER_BY_ORIENTATION[orientation]


def test_an_orientation_behind_a_png_s_pixels_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(corner(mode="L"), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4]) + 12
    moved = data[:start] + data[start + length : -12] + data[start : start + length] + data[-12:]
    assert dark_corner(pixels(moved)) == (0, 1)


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", b"MM\0*" + bytes(40), b"\xff" * 200])
@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP"])
def test_exif_that_is_garbage_leaves_the_picture_as_it_is(fmt, exif):
    assert dark_corner(pixels(saved(corner(), fmt, exif=exif))) == (0, 0)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("size", [(1599, 40), (2400, 1800), (90, 5000)])
def test_large_pictures_come_out_between_800_and_1600_pixels(fmt, size):
    array = pixels(saved(corner(*size), fmt, **LOSSY.get(fmt, {})))
    assert 800 <= max(array.shape[:2]) < 1600
    assert abs(array.shape[1] / array.shape[0] * size[1] / size[0] - 1) < 0.1
    assert dark_corner(array) == (0, 0)


def test_the_strips_of_a_large_picture_join_without_a_seam():
    noise = np.random.default_rng(2).integers(0, 255, (2441, 3203, 3), np.uint8)
    image = Image.fromarray(noise)
    assert np.array_equal(pixels(saved(image, "PNG", compress_level=1)), np.asarray(image.reduce(4)))


@pytest.mark.parametrize("megapixels,size", [(24, (5664, 4248)), (35, (6832, 5124)), (48, (8064, 6048))])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_photographs_of_today_s_phones_are_read(megapixels, size, options):
    data = saved(corner(*size), "JPEG", **options)
    assert abs(size[0] * size[1] / 1e6 - megapixels) < 1
    assert len(data) < Settings().max_body_bytes
    assert dark_corner(pixels(data)) == (0, 0)


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_of_which_fewer_are_used_are_scaled_by_those(bits, channels):
    top = 2**bits - 1
    samples = np.full((40, 60, channels), top, np.uint16)
    samples[:20, :30, :3] = top // 16
    samples[..., 3:] = 65535
    array = pixels(deep_png(samples[..., 0] if channels == 1 else samples))
    assert array.shape[2:] == (() if channels == 1 else (channels,))
    assert np.abs(array[30].astype(int) - 255).max() == 0
    assert 14 <= array[5, 5].flat[0] <= 16
    assert channels < 4 or (array[..., 3] == 255).all()


def test_16_bits_in_a_narrow_band_are_spread_and_noise_is_not():
    samples = np.full((40, 60), 44_000, np.uint16)
    samples[:20, :30] = 40_000
    assert pixels(deep_png(samples)).min() == 0
    assert pixels(deep_png(samples)).max() == 255
    samples[:20, :30] = 43_900
    assert np.ptp(pixels(deep_png(samples))) <= 1


def test_mnist_s_levels_in_12_bits_come_out_as_they_were():
    image = np.random.default_rng(4).integers(0, 256, (28, 28)).astype(np.uint16)
    image[3, 3] = 255
    assert np.array_equal(pixels(deep_png(image << 4)), image)


def blank(kind: str) -> Image.Image:
    return Image.new("RGBA", (96, 64), {"white": "white", "transparent": (0, 0, 0, 0)}[kind])


ANIMATED = {
    "GIF": {"disposal": 2}, "PNG": {}, "WEBP": {"lossless": True}, "AVIF": {"speed": 10}, "HEIC": {"quality": 90},
}  # fmt: skip


@pytest.mark.parametrize("fmt", ANIMATED)
@pytest.mark.parametrize("kind", ["white", "transparent"])
@pytest.mark.parametrize("blanks", [1, 3])
def test_a_first_frame_that_is_empty_isn_t_the_end(fmt, kind, blanks):
    empty = [blank(kind) for _ in range(blanks)]
    # Encoders merge frames that are alike: these differ by a level.
    for level, image in enumerate(empty):
        image.putpixel((0, 0), (255 - level, 255, 255, 255) if kind == "white" else (0, 0, 0, level))
    more = [*empty[1:], corner(mode="RGBA")]
    data = saved(empty[0], fmt, save_all=True, append_images=more, **ANIMATED[fmt])
    assert dark_corner(pixels(data)) == (0, 0)


def test_a_second_picture_of_a_multi_picture_jpeg_is_read_where_the_first_is_empty():
    data = saved(Image.new("RGB", (96, 64), "white"), "MPO", save_all=True, append_images=[corner()])
    assert dark_corner(pixels(data)) == (0, 0)


@pytest.mark.parametrize("fmt", ANIMATED)
def test_the_first_frame_counts_where_something_is_on_it(fmt):
    other = corner().transpose(Image.Transpose.ROTATE_180).convert("RGBA")
    data = saved(corner(mode="RGBA"), fmt, save_all=True, append_images=[other], **ANIMATED[fmt])
    assert dark_corner(pixels(data)) == (0, 0)


def test_frames_are_looked_at_up_to_a_bound():
    empty = [Image.new("L", (96, 64), 255 - level) for level in range(20)]
    data = saved(empty[0], "GIF", save_all=True, append_images=[*empty[1:], corner(mode="L")])
    array = pixels(data)
    assert frames.is_empty(array)


def test_a_gif_whose_later_frame_is_larger_than_its_canvas_ends_with_the_first():
    empty, drawn = Image.new("L", (96, 64), 255), corner(mode="L")
    data = bytearray(saved(empty, "GIF", save_all=True, append_images=[drawn]))
    assert frames.gif_frames_fit(bytes(data), (96, 64))
    at = data.index(b",\0\0\0\0", data.index(b",\0\0\0\0") + 5)
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert not frames.gif_frames_fit(bytes(data), (96, 64))
    assert frames.is_empty(pixels(bytes(data)))


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_gif_that_ends_anywhere_is_walked_through(cut):
    data = saved(Image.new("L", (96, 64), 255), "GIF", save_all=True, append_images=[corner(mode="L")])
    frames.gif_frames_fit(data[: 13 + cut], (96, 64))


KINDS = {
    "jpeg": ("JPEG", "RGB", {}, 0.0),
    "jpeg, grey": ("JPEG", "L", {}, 0.0),
    "jpeg, progressive": ("JPEG", "RGB", {"progressive": True}, 3.0),
    "jpeg, progressive, 4:4:4": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}, 6.0),
    "jpeg, progressive, grey": ("JPEG", "L", {"progressive": True}, 2.0),
    "jpeg, progressive, cmyk": ("JPEG", "CMYK", {"progressive": True}, 8.0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_jpeg_s_coefficients_take_is_told_from_its_header(kind):
    fmt, mode, options, expected = KINDS[kind]
    data = saved(corner(mode=mode), fmt, **options)
    assert decode_memory.jpeg_coefficient_bytes_a_px(data, 0) == expected


def test_a_jpeg_of_one_scan_a_component_counts_as_one_that_needs_its_coefficients():
    data = saved(corner(), "JPEG")
    at = data.index(b"\xff\xda") + 2
    one = b"\0\x08\1\1\0\0\x3f\0"
    assert decode_memory.jpeg_coefficient_bytes_a_px(data[:at] + one + data[at + 12 :], 0) == 3.0


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xff\xff\xff\xff\xe0\0\x10" + bytes(20)])
def test_a_jpeg_whose_markers_aren_t_in_order_counts_as_the_largest(data):
    assert decode_memory.jpeg_coefficient_bytes_a_px(data, 0) == 8.0


TOO_LARGE = [
    ("JPEG", "RGB", {"progressive": True}), ("PNG", "RGB", {}), ("GIF", "P", {}), ("BMP", "RGB", {}),
    ("WEBP", "RGB", {}), ("AVIF", "RGB", {"speed": 10}), ("HEIC", "RGB", {}),
]  # fmt: skip


@pytest.mark.parametrize("fmt,mode,options", TOO_LARGE)
def test_what_would_take_too_much_memory_is_refused_by_its_header(fmt, mode, options):
    data = saved(corner(800, 500, mode), fmt, **options)
    with pytest.raises(PayloadTooLarge, match=r"800×500 px; of this kind of \w+ at most \d+ px") as refusal:
        open_image(data, MAX_PX, 1_000_000)
    assert len(refusal.value.message) < 200
    assert dark_corner(pixels(data, 8_000_000)) == (0, 0)


def test_a_photograph_that_isn_t_progressive_takes_no_more_memory_the_larger_it_is():
    assert dark_corner(pixels(saved(corner(4000, 3000), "JPEG"), 1_000_000)) == (0, 0)


def test_the_error_names_the_formats_that_are_read():
    with pytest.raises(InvalidImage, match="send PNG, JPEG, WebP, GIF, BMP, HEIC or AVIF"):
        open_image(b"no image", MAX_PX)


def test_heic_and_avif_are_told_apart_by_their_brands():
    heic, avif = saved(corner(), "HEIC"), saved(corner(), "AVIF", speed=10)
    assert is_heic(heic)
    assert not is_heic(avif)
    assert not is_heic(saved(corner(), "PNG"))
    for brands, expected in ((b"mif1heic", True), (b"mif1avif", False), (b"msf1", True)):
        assert is_heic((16 + len(brands)).to_bytes(4) + b"ftyp" + b"mif1\0\0\0\0" + brands + bytes(40)) is expected


@pytest.mark.parametrize("depth,chroma", [(8, 420), (8, 444), (10, 420)])
def test_heic_of_every_depth_and_subsampling_is_read(depth, chroma):
    samples = np.asarray(corner()).astype(np.uint16) * 257
    if depth == 8:
        image = pillow_heif.from_pillow(corner())
    else:
        image = pillow_heif.from_bytes("RGB;16", (96, 64), samples.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, chroma=chroma)
    assert dark_corner(pixels(buffer.getvalue())) == (0, 0)
