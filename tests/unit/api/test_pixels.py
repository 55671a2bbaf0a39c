"""What harm a file can do, and that it does it beside the event loop."""

import asyncio
import io
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from api.errors import InvalidImage, NoDigitFound, PayloadTooLarge
from api.settings import Settings
from api.tasks.digits import image as digits
from api.tasks.digits import pixels
from api.tasks.digits.image_file import open_image
from tests.support.bad_images import BOMB_SIDE_PX, BOMBS, HUGE, MARATHONS
from tests.support.fuzzing import examples
from tests.support.picture_files import deep_png, relabelled, saved
from tests.unit.api.fakes import encoded, marked
from tests.unit.api.test_image import stroke

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # the api leaves them out too: test_logs

FORMATS = ["PNG", "JPEG", "BMP", "WEBP", "GIF", "AVIF", "HEIC"]


def read(data: bytes) -> None:
    """Read a file, which may be refused in two ways."""
    try:
        assert digits.decode(open_image(data, Settings().max_image_px)).image_u8.shape == (28, 28)
    except (InvalidImage, NoDigitFound, PayloadTooLarge) as refusal:
        assert len(refusal.message) < 200


@pytest.mark.parametrize("name", HUGE)
async def test_more_pixels_than_there_is_room_for_are_refused_by_the_header(name):
    assert len(HUGE[name]) <= 1100
    with pytest.raises(PayloadTooLarge):
        await pixels.digit_in_file(HUGE[name], Settings())


@pytest.mark.parametrize("name", ["1 bit", "jpeg", "jpeg, cmyk", "gif", "webp, lossless with alpha"])
async def test_as_many_pixels_as_are_taken_are_read(name):
    data = BOMBS[name]()
    assert len(data) < 2**20 or "bmp" in name
    with pytest.raises(NoDigitFound):
        await pixels.digit_in_file(data, Settings(max_image_px=BOMB_SIDE_PX**2))


@pytest.mark.parametrize("fmt", ["HEIC", "AVIF"])
@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 2**31 - 1), (16_000, 16_000)])
async def test_boxes_that_declare_more_pixels_than_there_are_are_refused(fmt, size):
    data = relabelled(saved(stroke(60), fmt), *size)
    with pytest.raises((PayloadTooLarge, InvalidImage)):
        await pixels.digit_in_file(data, Settings())


@pytest.mark.parametrize("name", MARATHONS)
def test_headers_without_end_are_read_or_refused(name):
    read(MARATHONS[name](100_000))


async def test_what_takes_long_runs_beside_the_event_loop_and_one_at_a_time(monkeypatch):
    running, most, threads = 0, 0, set()
    whole = digits.decode

    def decode(image):
        nonlocal running, most
        running += 1
        most = max(most, running)
        threads.add(threading.current_thread())
        result = whole(image)
        running -= 1
        return result

    monkeypatch.setattr(digits, "decode", decode)
    many_px = encoded(stroke(600))
    many_bytes = encoded(stroke(100)) + bytes(100_000)
    assert len(many_px) < 32_000
    await asyncio.gather(*(pixels.digit_in_file(data, Settings()) for data in (many_px, many_bytes) * 3))
    assert most == 1
    assert threads.isdisjoint({threading.main_thread()})
    threads.clear()
    await pixels.digit_in_file(encoded(stroke(40)), Settings())
    assert threads.isdisjoint({threading.main_thread()})


async def test_what_is_in_mnists_form_is_read_on_the_event_loop(monkeypatch):
    async def offload(work):
        raise AssertionError("left the event loop")

    monkeypatch.setattr(pixels, "offload", offload)
    image = marked(3)
    assert np.array_equal((await pixels.digit_in_file(encoded(image), Settings())).image_u8, image)
    with pytest.raises(AssertionError):
        await pixels.digit_in_file(encoded(np.roll(image, 8, axis=1)), Settings())


async def test_what_is_given_up_before_its_turn_is_never_read(monkeypatch):
    go, begun, read = threading.Event(), threading.Event(), []

    def decode(image):
        read.append(image)
        begun.set()
        go.wait(10)

    monkeypatch.setattr(digits, "decode", decode)
    tasks = [asyncio.create_task(pixels.digit_in_file(encoded(stroke(600)), Settings())) for _ in range(3)]
    await asyncio.to_thread(begun.wait, 10)
    tasks[1].cancel()
    await asyncio.sleep(0)
    go.set()
    await asyncio.wait(tasks)
    assert len(read) == 2


def exif_of(data: bytes) -> bytes:
    """Return a JPEG with these bytes for its EXIF."""
    plain = encoded(stroke(60), "JPEG")
    segment = b"Exif\0\0" + data
    return plain[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]


WHOLE = [saved(stroke(60), fmt) for fmt in FORMATS] + [
    encoded(stroke(60, mode="RGBA")),
    encoded(stroke(60, mode="P"), "PNG", transparency=0),
    encoded(stroke(60), "WEBP", lossless=True),
    encoded(stroke(60), "JPEG", progressive=True),
    encoded(stroke(60), "JPEG", exif=Image.Exif()),
    encoded(stroke(60), "GIF", save_all=True, append_images=[stroke(60, width=9)]),
    *(
        saved(Image.new("L", (60, 60), 255), fmt, save_all=True, append_images=[stroke(60)], **options)
        for fmt, options in {"GIF": {}, "PNG": {}, "WEBP": {}, "AVIF": {}, "HEIC": {}, "MPO": {}}.items()
    ),
    deep_png(np.asarray(stroke(60)).astype(np.uint16) << 4),
    deep_png(np.asarray(stroke(60, mode="RGB")).astype(np.uint16) << 2),
    exif_of(b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with bits turned, bytes cut out of it, doubled or put in, and cut short."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0 if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case 2:
                data[at:at] = draw(st.binary(max_size=8))
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data[: draw(st.integers(len(data) * 3 // 4, len(data)))])


@given(damaged())
@examples(1000)
def test_damaged_files_of_every_kind_are_read_or_refused(data):
    read(data)


@given(st.lists(st.sampled_from(WHOLE), min_size=2, max_size=3), st.integers(0, 60))
@examples(100)
def test_files_that_are_several_at_once_are_read_or_refused(files, cut):
    read(b"".join(files))
    read(files[0][:cut] + files[1])


@given(st.binary(max_size=200), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]))
@examples(200)
def test_any_exif_is_read_or_refused(noise, start):
    read(exif_of(start + noise))


def test_the_files_that_are_damaged_are_whole_before():
    for data in WHOLE:
        assert digits.decode(open_image(data, 10_000)).image_u8.max() > 0
    assert Image.open(io.BytesIO(WHOLE[-1])).getexif()[0x0112] == 6
