"""The page of models, as a person uses it."""

from typing import Any

from playwright.sync_api import Browser, Locator, Page

from tests.support.drawing_page import DESKTOP


class ModelsPage:
    """The page in a browser context of its own, with everything that it asked for and complained of.

    Args:
        browser: Chromium.
        url: The api.
        model: The model to show; empty for the page's choice.
        options: Of the browser context: viewport, colours, …
    """

    def __init__(self, browser: Browser, url: str, model: str = "", **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**(DESKTOP | options))
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.context.on("request", lambda request: self.requested.append(request.url))
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # That an answer was an error is said there too, and is what some tests are about.
        self.page.on(
            "console",
            lambda entry: self.complaints.append(entry.text) if "Failed to load resource" not in entry.text else None,
        )
        self.page.goto(f"{url}/models" + (f"#{model}" if model else ""))

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def row(self, model: str) -> Locator:
        """Return the model's line in the table."""
        return self.page.locator("#models tbody tr").filter(has=self.page.get_by_role("link", name=model, exact=True))

    def close(self) -> None:
        """Close it; nothing but its own api may have been asked, and nothing gone wrong."""
        self.context.close()
        assert [url for url in self.requested if not url.startswith(f"{self.url}/")] == []
        assert self.complaints == []
