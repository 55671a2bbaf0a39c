"""A page's files on disk, and what they name of one another."""

import re
from html.parser import HTMLParser
from importlib.resources.abc import Traversable

from api.pages import SHARED


class PageFiles:
    """The files of a page and those that it shares with others.

    Args:
        folder: Its own ones.
        parts: Where they are served, without a slash in front.
    """

    def __init__(self, folder: Traversable, parts: str) -> None:
        self._parts = parts
        self.files = {entry.name: entry for place in (SHARED, folder) for entry in place.iterdir() if entry.is_file()}
        self.paths = [f"/{parts}/{name}" for name in sorted(self.files)]

    def named(self) -> set[str]:
        """Return the names that the document and the scripts ask for: every src, href and import."""
        found: set[str] = set()

        class Links(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                found.update(value for name, value in attrs if name in ("src", "href") and value and tag != "a")

        Links().feed(self.files["index.html"].read_text(encoding="utf-8"))
        for name, file in self.files.items():
            if name.endswith(".js"):
                imported = re.findall(r'(?:from|import) "\./([^"]+)"', file.read_text(encoding="utf-8"))
                found.update(f"{self._parts}/{other}" for other in imported)
        return found

    def all(self) -> set[str]:
        """Return the names that it should ask for."""
        return {f"{self._parts}/{name}" for name in self.files} - {f"{self._parts}/index.html"}
