"""How the page looks to people, to screen readers and to browsers, in a real Chromium."""

from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.drawing_page import PHONE
from tests.support.pictures.kinds import lamp
from tests.support.strokes import DIGITS

ROOT = Path(__file__).resolve().parents[2]
FIVE = ROOT / "docs/digit.png"
SCHEMES = ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing_once_read_or_in_trouble(open_page, images, scheme, device):
    page = open_page(**(PHONE if device == "phone" else {}), color_scheme=scheme)
    axe, digit = Axe(), images.images_u8[0, 0].numpy()

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
    page.choose({"name": "lamp.jpg", "mimeType": "image/jpeg", "buffer": lamp(digit, np.random.default_rng(5))})
    expect(page["#steps"]).to_be_visible()
    page.page.evaluate(
        "document.getElementById('warning').hidden = false; document.getElementById('warning').textContent = 'Why'"
    )
    check("a picture read")
    page["#crop"].click()
    check("cropping")
    page["#cancel-crop"].click()
    page.choose({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page["#trouble"]).to_be_visible()
    page.page.evaluate(
        'document.querySelectorAll("#trouble form, #trouble .again, #forget").forEach(node => { node.hidden = false; })'
    )
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
