"""The page to draw on, as a person uses it."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.strokes import Point, Stroke

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}


class DrawingPage:
    """The page in a browser context of its own, with everything that it asked for and complained of.

    Args:
        browser: Who opens it.
        url: The api.
        options: Of the browser context: viewport, colours, …
    """

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**(DESKTOP | options))
        self.requested: list[str] = []
        self.statuses: list[int] = []  # of every answer
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.requested.append(request.url))
        self.context.on("response", lambda response: self.statuses.append(response.status))
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # That an answer was an error is said there too, and is what some tests are about.
        self.page.on(
            "console",
            lambda entry: self.complaints.append(entry.text) if "Failed to load resource" not in entry.text else None,
        )
        self.page.goto(url)
        expect(self["#version"]).not_to_have_text("–")

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def draw(self, strokes: list[Stroke]) -> None:
        """Draw with the mouse; points are in a square from 0 to 1."""
        for stroke in strokes:
            first, *rest = (self.at(point) for point in stroke)
            self.page.mouse.move(*first)
            self.page.mouse.down()
            for point in rest:
                self.page.mouse.move(*point)
            self.page.mouse.up()

    def at(self, point: Point) -> Point:
        """Return a point of the sheet in the window's pixels."""
        box = self["#paper"].bounding_box()
        assert box is not None
        return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, file: Path | dict[str, Any]) -> None:
        self["#file"].set_input_files(file)  # type: ignore[arg-type]

    def settle(self) -> None:
        """Wait until nothing is asked any more."""
        expect(self["#reading"]).to_have_attribute("aria-busy", "false", timeout=15_000)

    def read(self) -> str:
        """Return the digit that is shown once nothing is asked any more."""
        self.settle()
        return self["#digit"].inner_text()

    def close(self) -> None:
        self.context.close()
