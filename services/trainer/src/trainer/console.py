"""What a person sees: plain lines on stdout, warnings, errors and bars on stderr."""

import sys
from dataclasses import dataclass, field
from typing import NoReturn, TextIO

from tqdm import tqdm


@dataclass(frozen=True)
class Console:
    """Writes for people. On a terminal bars move; in a log there is a line an epoch instead.

    Args:
        out: Where the story goes.
        err: Where warnings, errors and bars go.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    def line(self, text: str) -> None:
        """Write one line of the story."""
        self.out.write(f"{text}\n")
        self.out.flush()

    def item(self, name: str, text: str) -> None:
        """Write one line with a name before it, in a column."""
        self.line(f"{name:<12}{text}")

    def warning(self, text: str) -> None:
        """Write something that the user should know, but that stops nothing."""
        self.err.write(f"warning: {text}\n")
        self.err.flush()

    def error(self, text: str) -> None:
        """Write why the command ends here, as one line."""
        self.err.write(f"error: {' '.join(text.split())}\n")
        self.err.flush()

    @property
    def is_interactive(self) -> bool:
        """Whether a bar can be redrawn in place."""
        return self.err.isatty()

    def bar(self, name: str, total: int, unit: str) -> "tqdm[NoReturn]":
        """Return a bar with the time left; silent where nobody watches."""
        return tqdm(
            desc=name,
            total=total or None,
            unit=unit,
            unit_scale=unit == "B",
            file=self.err,
            leave=False,
            disable=not self.is_interactive,
            dynamic_ncols=True,
        )


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``42 s``, ``2 min 05 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def percent(share: float) -> str:
    """Return a share (0–1) in percent with two decimals."""
    return f"{100 * share:.2f} %"
