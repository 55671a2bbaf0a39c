"""Pictures on the page: made small, cropped, rotated, photographed, and shown how they were cleaned up."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from tests.support.drawing_page import PHONE, DrawingPage
from tests.support.picture_files import saved
from tests.support.process import wait_until
from tests.support.strokes import DIGITS

ORIENTATION = 0x0112
QUARTERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def paper(width: int, height: int, noise: float = 0) -> NDArray[np.uint8]:
    """Return light paper, ``(H, W, 3)``, with grain that a JPEG has to keep."""
    grain = (
        np.random.default_rng(5).normal(225, noise, (height, width, 1)) if noise else np.full((height, width, 1), 225)
    )
    return np.repeat(grain.clip(0, 255).astype(np.uint8), 3, axis=2)


def write(sheet: NDArray[np.uint8], digit: int, left: int, top: int, side: int) -> None:
    for stroke in DIGITS[digit]:
        points = np.array([(left + x * side, top + y * side) for x, y in stroke], np.int32)
        cv2.polylines(sheet, [points], False, (35, 45, 110), max(2, side // 12), cv2.LINE_AA)


def as_file(pixels: NDArray[np.uint8], fmt: str = "PNG", **options) -> dict[str, object]:
    name, media = f"picture.{fmt.lower()}", f"image/{fmt.lower()}"
    return {"name": name, "mimeType": media, "buffer": saved(Image.fromarray(pixels), fmt, **options)}


def record(page: DrawingPage) -> None:
    """Keep what the page sends in forms."""
    page.page.evaluate(
        """() => {
            const real = fetch;
            window.sent = [];
            window.fetch = (path, options) => {
                if (options?.body instanceof FormData) window.sent.push(...options.body.values());
                return real(path, options);
            };
        }"""
    )


def last_sent(page: DrawingPage, count: int = 1) -> dict[str, object]:
    """Return name, type, bytes, size and the colour in the middle of the last picture, once so many were sent."""
    wait_until(lambda: page.page.evaluate("window.sent.length") >= count, 10, "the picture")
    page.settle()
    return page.page.evaluate(
        """async () => {
            const file = window.sent.at(-1);
            const found = { name: file.name, type: file.type, bytes: file.size };
            const image = await createImageBitmap(file).catch(() => null);
            if (!image) return found;
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            const middle = [...context.getImageData(image.width / 2, image.height / 2, 1, 1).data].slice(0, 3);
            return { ...found, size: [image.width, image.height], middle };
        }"""
    )


@pytest.fixture
def recorded(page):
    record(page)
    return page


def test_a_12_megapixel_photograph_is_sent_upright_and_small(recorded):
    sheet = paper(3024, 4032, noise=12)
    write(sheet, 4, 900, 1400, 1200)
    lying = np.ascontiguousarray(np.rot90(sheet))  # as the sensor lies; the file says that it is to be turned clockwise
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    file = as_file(lying, "JPEG", quality=92, exif=exif)
    assert len(file["buffer"]) > 4e6
    with recorded.page.expect_request("**/predict?*") as asked:
        recorded.choose(file)
    expect(recorded["#digit"]).to_have_text("4", timeout=15_000)
    sent = last_sent(recorded)
    assert (sent["size"], sent["type"], sent["name"]) == ([1200, 1600], "image/jpeg", "picture.jpeg")
    assert sent["bytes"] < 600_000
    assert asked.value.sizes()["requestBodySize"] < sent["bytes"] + 1000


def test_a_large_png_with_grain_goes_as_jpeg_and_one_with_transparency_stays_png(recorded):
    sheet = paper(2000, 2000, noise=12)
    write(sheet, 4, 400, 400, 1200)
    recorded.choose(as_file(sheet))
    expect(recorded["#digit"]).to_have_text("4", timeout=15_000)
    assert last_sent(recorded)["type"] == "image/jpeg"
    clear = np.dstack([sheet, (sheet[..., 0] < 150) * np.uint8(255)])
    recorded.choose(as_file(clear))
    assert last_sent(recorded, 2)["type"] == "image/png"


def test_what_is_small_or_cannot_be_shown_here_is_sent_as_it_is(recorded):
    sheet = paper(300, 300)
    write(sheet, 7, 50, 50, 200)
    small = as_file(sheet)
    recorded.choose(small)
    expect(recorded["#digit"]).to_have_text("7")
    assert last_sent(recorded)["bytes"] == len(small["buffer"])

    sheet = paper(1800, 2400)
    write(sheet, 4, 400, 700, 1000)
    heic = as_file(sheet, "HEIC")
    recorded.choose(heic)
    expect(recorded["#digit"]).to_have_text("4", timeout=15_000)
    assert last_sent(recorded)["bytes"] == len(heic["buffer"])
    expect(recorded["#hint"]).to_have_text("picture.heic")
    expect(recorded["#crop"]).to_be_hidden()


def test_a_picture_is_rotated_and_undo_rotates_it_back(recorded):
    sheet = paper(300, 240)
    write(sheet, 7, 40, 20, 200)
    recorded.choose(as_file(np.ascontiguousarray(np.rot90(sheet))))  # it lies on its left side
    expect(recorded["#rotate"]).to_be_visible()
    assert last_sent(recorded)["size"] == [240, 300]
    recorded["#rotate"].click()
    assert last_sent(recorded, 2)["size"] == [300, 240]
    expect(recorded["#digit"]).to_have_text("7")
    recorded["#undo"].click()
    assert last_sent(recorded, 3)["size"] == [240, 300]
    recorded["#clear"].click()
    expect(recorded["#crop"]).to_be_hidden()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_part_that_is_seen_is_the_part_that_is_sent(recorded, turns):
    # red green
    # blue white
    sheet = np.zeros((200, 320, 3), np.uint8)
    for colour, (y, x) in zip(QUARTERS.values(), [(0, 0), (0, 160), (100, 0), (100, 160)], strict=True):
        sheet[y : y + 100, x : x + 160] = colour
    upper_left = ["red", "blue", "white", "green"][turns]
    recorded.choose(as_file(sheet))
    for turn in range(turns):
        last_sent(recorded, turn + 1)
        recorded["#rotate"].click()
    last_sent(recorded, turns + 1)
    recorded["#crop"].click()
    expect(recorded["#frame"]).to_be_focused()
    box = recorded["#cropper"].bounding_box()
    assert box["width"] / box["height"] == pytest.approx(320 / 200 if turns % 2 == 0 else 200 / 320, rel=0.01)
    recorded.page.mouse.move(box["x"] + 1, box["y"] + 1)
    recorded.page.mouse.down()
    recorded.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    recorded.page.mouse.up()
    recorded["#use-crop"].click()
    sent = last_sent(recorded, turns + 2)
    assert sent["size"] == pytest.approx([160, 100] if turns % 2 == 0 else [100, 160], abs=3)
    assert tuple(sent["middle"]) == QUARTERS[upper_left]


def test_two_digits_are_warned_of_and_the_keyboard_crops_to_one(recorded):
    sheet = paper(600, 300)
    write(sheet, 1, 20, 40, 220)
    write(sheet, 4, 350, 40, 220)
    recorded.choose(as_file(sheet))
    expect(recorded["#warning"]).to_contain_text("several pieces of writing")
    recorded["#crop"].press("Enter")
    expect(recorded["#frame"]).to_be_focused()
    recorded.press("Escape")
    expect(recorded["#cropper"]).to_be_hidden()
    expect(recorded["#paper"]).to_be_focused()
    recorded["#crop"].press("Enter")
    recorded.press(*["Shift+ArrowLeft"] * 20, *["ArrowRight"] * 25)
    expect(recorded["#spoken-pen"]).to_have_text("60 to 100 percent across, 10 to 90 percent down.")
    recorded.press("Enter")
    expect(recorded["#digit"]).to_have_text("4")
    expect(recorded["#warning"]).to_be_hidden()
    assert last_sent(recorded, 2)["size"] == [240, 240]


def test_a_finger_moves_the_frame_and_stretches_it_by_its_corner(open_page):
    page = open_page(**PHONE)
    record(page)
    sheet = paper(600, 600)
    write(sheet, 4, 10, 10, 260)
    page.choose(as_file(sheet))
    last_sent(page)
    page["#crop"].tap()
    cdp = page.context.new_cdp_session(page.page)

    def drag(start: tuple[float, float], stop: tuple[float, float]) -> None:
        box = page["#cropper"].bounding_box()
        for kind, at in (("touchStart", start), ("touchMove", stop)):
            point = {"x": box["x"] + at[0] * box["width"], "y": box["y"] + at[1] * box["height"]}
            cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        page.page.wait_for_timeout(300)  # at rest, or Chromium takes it for a fling, and the next tap for its end
        cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    drag((0.9, 0.9), (0.6, 0.6))  # from 0.1 … 0.9 to 0.1 … 0.6
    drag((0.3, 0.3), (0.05, 0.05))  # to 0 … 0.5
    page["#use-crop"].tap()
    expect(page["#digit"]).to_have_text("4")
    assert last_sent(page, 2)["size"] == pytest.approx([300, 300], abs=6)
    assert page.page.evaluate("scrollY") == 0


def test_the_steps_of_the_clean_up_are_shown(page, client):
    sheet = paper(400, 300)
    for y in range(30, 300, 40):
        cv2.line(sheet, (0, y), (400, y), (150, 170, 215), 1)
    write(sheet, 4, 120, 70, 170)
    file = as_file(sheet)
    page.choose(file)
    expect(page["#digit"]).to_have_text("4")
    expect(page["#steps li"]).to_have_text(["Ink that was found", "Taken for the digit", "Cropped"])
    answer = client.post("/predict?include=steps", files={"image": file["buffer"]}).json()
    shown = page["#steps img"].evaluate_all("images => images.map(image => image.src)")
    assert shown == [step["image"] for step in answer["steps"][:3]]
    assert page["#seen"].get_attribute("src") == answer["steps"][3]["image"]
    assert page["#confidence"].inner_text() == f"{answer['confidence'] * 100:.1f} %"
    page["#clear"].click()
    expect(page["#steps"]).to_be_hidden()
    page.draw(DIGITS[1])
    assert page.read() == "1"
    expect(page["#steps"]).to_be_hidden()


def test_a_picture_without_a_digit_is_told_with_what_to_do(page):
    page.choose(as_file(paper(300, 300)))
    expect(page["#trouble [role=alert]"]).to_contain_text("Crop the picture to the digit")
    expect(page["#trouble .again"]).to_be_hidden()
    expect(page["#digit"]).to_have_text("–")


def test_phones_offer_the_camera(open_page, page):
    phone = open_page(**PHONE)
    expect(phone["label[for=camera]"]).to_be_visible()
    assert phone["#camera"].get_attribute("capture") == "environment"
    assert phone["#camera"].get_attribute("accept") == "image/*"
    sheet = paper(400, 400)
    write(sheet, 4, 100, 100, 200)
    phone["#camera"].set_input_files(as_file(sheet, "JPEG"))
    expect(phone["#digit"]).to_have_text("4")
    expect(page["label[for=camera]"]).to_be_hidden()
