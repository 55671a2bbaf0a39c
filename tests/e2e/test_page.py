"""The page to draw on, in a real Chromium, against the real api and Triton."""

import base64
import json
from pathlib import Path

from playwright.sync_api import expect

from tests.support.api_server import ApiServer
from tests.support.drawing_page import PHONE
from tests.support.process import answers, wait_until
from tests.support.strokes import DIGITS

ROOT = Path(__file__).resolve().parents[2]
FIVE = ROOT / "docs/digit.png"
SCHEMES = ("light", "dark")


def trained_on(trainer) -> str:
    manifest = json.loads((trainer.repository / "mnist_cnn" / "1" / "manifest.json").read_text())
    return manifest["dataset"]["name"]


def test_every_digit_that_is_drawn_is_read(page, trainer):
    read = {}
    for digit, strokes in DIGITS.items():
        page.draw(strokes)
        read[digit] = int(page.read())
        page["#clear"].click()
        expect(page["#digit"]).to_have_text("–")
    wrong = {digit: answer for digit, answer in read.items() if answer != digit}
    # Trained on scikit-learn's 8×8 digits, for want of MNIST's, the model knows no hand but a coarse one.
    assert len(wrong) <= (0 if trained_on(trainer) == "mnist" else 3), wrong


def test_what_is_shown_is_the_apis_answer_and_the_image_that_the_model_saw(page, client):
    page.draw(DIGITS[3])
    assert page.read() == "3"
    seen = page["#seen"]
    assert seen.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [28, 28]
    assert seen.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    assert seen.get_attribute("alt") == "The 28 by 28 pixels in which the model reads 3."
    answer = client.post("/predict", json={"image": seen.get_attribute("src")}).json()
    shares = [f"{share * 100:.1f} %" for share in answer["probabilities"]]
    assert page["#bars .share"].all_inner_texts() == shares
    assert page["#bars .best"].inner_text().split() == ["3", *shares[3].split()]
    assert page["#version"].inner_text() == answer["model_version"]
    assert page["#latency"].inner_text().endswith(" ms")
    expect(page["#spoken-answer"]).to_contain_text("a 3")


def test_the_answer_comes_while_the_pen_is_still_down(page):
    (stroke,) = DIGITS[2]
    first, *rest = (page.at(point) for point in stroke)
    page.page.mouse.move(*first)
    page.page.mouse.down()
    for point in rest:
        page.page.mouse.move(*point, steps=2)
    expect(page["#digit"]).to_have_text("2")
    page.page.mouse.up()


def test_undo_takes_back_a_stroke_a_picture_and_a_clear(page):
    across, upright = DIGITS[4]
    page.draw([across, upright])
    assert page.read() == "4"
    page["#clear"].click()
    expect(page["#digit"]).to_have_text("–")
    page["#undo"].click()
    expect(page["#digit"]).to_have_text("4")
    page.choose(FIVE)
    expect(page["#digit"]).to_have_text("5")
    page.press("Control+z")
    expect(page["#digit"]).to_have_text("4")
    page.draw([upright])
    for _ in range(9):
        page["#undo"].click()
    expect(page["#digit"]).to_have_text("–")
    expect(page["#hint"]).to_have_text("Draw here")


def test_a_finger_and_a_pen_draw_and_a_second_finger_does_not(open_page):
    page = open_page(**PHONE)
    cdp = page.context.new_cdp_session(page.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    palm = page.at((0.9, 0.9))
    first, *rest = (page.at(point) for point in DIGITS[2][0])
    touch("touchStart", first)
    touch("touchStart", first, palm)
    for i, point in enumerate(rest):
        touch("touchMove", point, (palm[0] - 3 * i, palm[1]))
    touch("touchEnd")
    assert page.read() == "2"
    assert page.page.evaluate("scrollY") == 0

    page["#clear"].tap()
    expect(page["#digit"]).to_have_text("–")
    first, *rest = (page.at(point) for point in DIGITS[1][0])
    pen = {"pointerType": "pen", "button": "left", "buttons": 1, "clickCount": 1}
    cdp.send("Input.dispatchMouseEvent", {"type": "mousePressed", "x": first[0], "y": first[1], **pen})
    for x, y in rest:
        cdp.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y, **pen})
    cdp.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": rest[-1][0], "y": rest[-1][1], **pen})
    assert page.read() == "1"


def test_the_keyboard_draws(page):
    page.press(*["Tab"] * 4)  # past the links to the pages
    expect(page["#paper"]).to_be_focused()
    expect(page["#spoken-pen"]).to_have_text("Pen up, 10 across, 10 down.")
    page.press(*["ArrowUp"] * 6, *["ArrowLeft"] * 5, "Space", *["ArrowRight"] * 9, "ArrowDown")
    # Two arrow keys at a time go aslant; so does a key of the number pad.
    page.page.keyboard.down("ArrowLeft")
    page.page.keyboard.down("ArrowDown")
    page.page.keyboard.up("ArrowDown")
    page.page.keyboard.up("ArrowLeft")
    page.press(*["End", "ArrowDown"] * 3, *["ArrowDown"] * 4)
    expect(page["#spoken-pen"]).to_contain_text("Pen down")
    page.press("Space")
    expect(page["#spoken-pen"]).to_contain_text("Pen up")
    assert page.read() == "7"

    page.press("Space", "Shift+ArrowRight", "Space", "Backspace")
    assert page.read() == "7"
    page.press("Delete")
    expect(page["#digit"]).to_have_text("–")
    reached = []
    for _ in range(4):
        page.press("Tab")
        reached.append(page.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached == ["undo", "clear", "file", "API documentation"]


def test_a_picture_is_chosen_dropped_or_pasted(page):
    page.choose(FIVE)
    expect(page["#digit"]).to_have_text("5")

    clear = page["#clear"]
    clear.click()
    expect(page["#digit"]).to_have_text("–")
    encoded = base64.b64encode(FIVE.read_bytes()).decode()
    dropped = page.page.evaluate_handle(
        """async encoded => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(encoded), letter => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], "digit.png", { type: "image/png" }));
            return transfer;
        }""",
        encoded,
    )
    page["body"].dispatch_event("dragover", {"dataTransfer": dropped})
    assert "dropping" in (page["html"].get_attribute("class") or "")
    page["body"].dispatch_event("drop", {"dataTransfer": dropped})
    expect(page["#digit"]).to_have_text("5")
    assert page["html"].get_attribute("class") == ""

    clear.click()
    expect(page["#digit"]).to_have_text("–")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.evaluate(
        """async encoded => {
            const bytes = Uint8Array.from(atob(encoded), letter => letter.charCodeAt(0));
            const image = new Blob([bytes], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": image })]);
        }""",
        encoded,
    )
    page.press("Control+v")
    expect(page["#digit"]).to_have_text("5")

    # Drawing on top of a picture begins a new sheet.
    page.draw(DIGITS[1])
    assert page.read() == "1"
    page.page.evaluate("navigator.clipboard.writeText('five')")
    page.press("Control+v")
    expect(page["#trouble [role=alert]"]).to_contain_text("copy one")


def test_a_broken_and_a_too_large_file_are_told_apart_in_words(page, tmp_path):
    page.choose({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page["#trouble [role=alert]"]).to_contain_text("The bytes are no image that can be read")
    expect(page["#hint"]).to_have_text("notes.png")
    expect(page["#digit"]).to_have_text("–")

    huge = tmp_path / "huge.png"
    huge.write_bytes(bytes(25 * 2**20))  # which no browser can make smaller
    page.choose(huge)
    expect(page["#trouble [role=alert]"]).to_contain_text("Choose a smaller picture", timeout=15_000)
    expect(page["#trouble .again"]).to_be_hidden()

    page.draw(DIGITS[1])
    assert page.read() == "1"
    expect(page["#trouble"]).to_be_hidden()


def test_a_triton_that_is_away_is_told_and_asked_again(page, api, triton):
    triton.stop()
    try:
        page.draw(DIGITS[1])
        expect(page["#trouble [role=alert]"]).to_contain_text("press “Try again”", timeout=15_000)
        expect(page["#trouble [role=alert]"]).to_contain_text("Triton")
        expect(page["#seen"]).to_be_hidden()
    finally:
        triton.start()
    wait_until(lambda: answers(f"{api.url}/health/ready"), 20, "ready again")
    # Each worker finds Triton by itself, so one press may be early.
    for _ in range(20):
        page["#trouble .again"].click()
        if page.read() == "1":
            break
        page.page.wait_for_timeout(200)
    expect(page["#digit"]).to_have_text("1")
    expect(page["#trouble"]).to_be_hidden()


def test_a_server_that_cannot_be_reached_is_told(page):
    page.context.set_offline(True)
    page.draw(DIGITS[1])
    expect(page["#trouble [role=alert]"]).to_contain_text("The server can't be reached")
    page.settle()  # what was drawn meanwhile would else be asked about, and answered, once it can be
    page.context.set_offline(False)
    page["#trouble .again"].click()
    expect(page["#digit"]).to_have_text("1")


def test_a_key_is_asked_for_once_and_kept_in_this_tab_alone_and_a_rate_limit_is_kept(
    open_page, run_dir, triton, trainer
):
    settings = {"API_KEYS": "open-sesame", "API_RATE_LIMIT": "3", "API_WORKERS": "1"}
    with ApiServer(run_dir / "api-keys", triton.grpc_url, **settings) as api:
        api.wait_ready()
        page = open_page(api.url)
        expect(page["#trouble form"]).to_be_hidden()
        page.draw(DIGITS[1])
        expect(page["#trouble [role=alert]"]).to_contain_text("asks for an API key")
        page["#trouble input"].fill("wrong")
        page["#trouble form button"].click()
        expect(page["#trouble [role=alert]"]).to_contain_text("doesn't know this API key")
        page["#trouble input"].fill("schlüssel→")
        page.press("Enter")
        expect(page["#trouble [role=alert]"]).to_contain_text("doesn't know this API key")
        page["#trouble input"].fill("open-sesame")
        page.press("Enter")
        expect(page["#digit"]).to_have_text("1")
        expect(page["#trouble form"]).to_be_hidden()

        page.page.reload()
        page.draw(DIGITS[5])
        assert page.read() == "5"
        assert 429 in page.statuses
        expect(page["#trouble"]).to_be_hidden()
        assert page.page.evaluate("localStorage.length + document.cookie.length") == 0
        other = page.context.new_page()
        other.goto(api.url)
        assert other.evaluate("sessionStorage.length") == 0
        other.close()
        page["#forget"].click()
        assert page.page.evaluate("sessionStorage.length") == 0
