"""The page to draw on, in a real Chromium, against the real api and Triton."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.api_server import ApiServer
from tests.support.browser import find_chromium, open_browser
from tests.support.drawing_page import PHONE, DrawingPage
from tests.support.process import answers, wait_until
from tests.support.strokes import DIGITS

ROOT = Path(__file__).resolve().parents[2]
FIVE = ROOT / "docs/digit.png"
SCHEMES = ("light", "dark")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The machine's Chromium, looked for before anything is started."""
    found = find_chromium()
    if found is None:
        reason = "there is no Chromium on this machine; on Debian: apt install chromium"
        if os.environ.get("CI_REQUIRE_CHROMIUM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for this module: Playwright's event loop must be gone before an async test begins."""
    with open_browser(chromium) as opened:
        yield opened


@pytest.fixture
def open_page(browser: Browser, api: ApiServer) -> Iterator[Callable[..., DrawingPage]]:
    """Open the page; afterwards nothing may have been asked of anybody but its api, and nothing complained."""
    opened: list[DrawingPage] = []

    def open_one(url: str = api.url, **options: Any) -> DrawingPage:
        opened.append(DrawingPage(browser, url, **options))
        return opened[-1]

    yield open_one
    for page in opened:
        page.close()
        assert {
            url for url in page.requested if not url.startswith(f"{page.url}/") and not url.startswith("data:")
        } == set()
        assert page.complaints == []


@pytest.fixture
def page(open_page: Callable[..., DrawingPage]) -> DrawingPage:
    return open_page()


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
    page.press("Tab")
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
    expect(page["#complaint"]).to_contain_text("copy one")


def test_a_broken_and_a_too_large_file_are_told_apart_in_words(page, tmp_path):
    page.choose({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page["#complaint"]).to_contain_text("The bytes are no image that can be read")
    expect(page["#hint"]).to_have_text("notes.png")
    expect(page["#digit"]).to_have_text("–")

    huge = tmp_path / "huge.png"
    huge.write_bytes(FIVE.read_bytes() + bytes(9 * 2**20))
    page.choose(huge)
    expect(page["#complaint"]).to_contain_text("Choose a smaller picture", timeout=15_000)
    expect(page["#again"]).to_be_hidden()

    page.draw(DIGITS[1])
    assert page.read() == "1"
    expect(page["#trouble"]).to_be_hidden()


def test_a_triton_that_is_away_is_told_and_asked_again(page, api, triton):
    triton.stop()
    try:
        page.draw(DIGITS[1])
        expect(page["#complaint"]).to_contain_text("press “Try again”", timeout=15_000)
        expect(page["#complaint"]).to_contain_text("Triton")
        expect(page["#seen"]).to_be_hidden()
    finally:
        triton.start()
    wait_until(lambda: answers(f"{api.url}/health/ready"), 20, "ready again")
    # Each worker finds Triton by itself, so one press may be early.
    for _ in range(20):
        page["#again"].click()
        if page.read() == "1":
            break
        page.page.wait_for_timeout(200)
    expect(page["#digit"]).to_have_text("1")
    expect(page["#trouble"]).to_be_hidden()


def test_a_server_that_cannot_be_reached_is_told(page):
    page.context.set_offline(True)
    page.draw(DIGITS[1])
    expect(page["#complaint"]).to_contain_text("The server can't be reached")
    page.settle()  # what was drawn meanwhile would else be asked about, and answered, once it can be
    page.context.set_offline(False)
    page["#again"].click()
    expect(page["#digit"]).to_have_text("1")


def test_a_key_is_asked_for_once_and_kept_in_this_tab_alone_and_a_rate_limit_is_kept(
    open_page, run_dir, triton, trainer
):
    settings = {"API_KEYS": "open-sesame", "API_RATE_LIMIT": "3", "API_WORKERS": "1"}
    with ApiServer(run_dir / "api-keys", triton.grpc_url, **settings) as api:
        api.wait_ready()
        page = open_page(api.url)
        expect(page["#key"]).to_be_hidden()
        page.draw(DIGITS[1])
        expect(page["#complaint"]).to_contain_text("asks for an API key")
        page["#secret"].fill("wrong")
        page["#key button"].click()
        expect(page["#complaint"]).to_contain_text("doesn't know this API key")
        page["#secret"].fill("schlüssel→")
        page.press("Enter")
        expect(page["#complaint"]).to_contain_text("doesn't know this API key")
        page["#secret"].fill("open-sesame")
        page.press("Enter")
        expect(page["#digit"]).to_have_text("1")
        expect(page["#key"]).to_be_hidden()

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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing_once_read_or_in_trouble(open_page, scheme, device):
    page = open_page(**(PHONE if device == "phone" else {}), color_scheme=scheme)
    axe = Axe()

    def check(state: str) -> None:
        found = axe.run(page.page)
        assert found.violations_count == 0, f"{state}: {found.generate_report()}"
        # What axe itself isn't sure of must not pile up unseen either.
        assert {entry["id"] for entry in found.response["incomplete"]} <= {"color-contrast"}
        width = page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], "it scrolls sideways"

    page.draw(DIGITS[5])
    page.read()
    check("read")
    page.choose({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page["#trouble"]).to_be_visible()
    page.page.evaluate("for (const id of ['key', 'again', 'forget']) document.getElementById(id).hidden = false")
    check("in trouble")


def test_it_is_sharp_on_dense_screens_keeps_still_for_who_wants_that_and_fits_small_ones(open_page):
    page = open_page(**PHONE | {"viewport": {"width": 320, "height": 568}}, reduced_motion="reduce")
    sides = page["#paper"].evaluate("paper => [paper.width, paper.height, paper.clientWidth * 3]")
    assert sides[0] == sides[1] == pytest.approx(sides[2], abs=1)
    assert page.page.evaluate("document.documentElement.scrollWidth") == 320
    moving = page.page.evaluate(
        """() => [...document.querySelectorAll("*")].filter(node => ["", "::before"].some(part =>
            parseFloat(getComputedStyle(node, part || null).transitionDuration) > 0)).length"""
    )
    assert moving == 0


def test_files_come_back_as_304_and_no_other_script_runs(page):
    page.page.reload()
    expect(page["#version"]).not_to_have_text("–")
    assert page.statuses.count(304) >= 8
    ran = page.page.evaluate(
        """() => {
            const script = document.createElement("script");
            try { script.textContent = "window.ran = true"; document.body.append(script); } catch { return false; }
            return Boolean(window.ran);
        }"""
    )
    assert ran is False
    page.complaints.clear()  # that it was refused is said there
