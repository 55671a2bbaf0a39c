"""A real Chromium, the machine's own: Playwright drives it, its own download of one isn't needed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_OPTIONS = (
    "--no-sandbox",  # as root it starts in no other way; it opens no page but ours
    "--disable-dev-shm-usage",
    # No name is found, so that a page that needed more than the api would show.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine."""
    return next((path for path in map(shutil.which, _NAMES) if path), None)


@contextmanager
def open_browser(chromium: str) -> Iterator[Browser]:
    """Start Chromium without a window; it ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
