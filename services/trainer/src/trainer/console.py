"""The output of the commands: plain lines on stdout; warnings, errors and progress bars on stderr."""

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm


@dataclass(frozen=True)
class Console:
    """Writes messages. A terminal gets progress bars; a log gets one line an epoch instead.

    Args:
        out: Receives lines and items.
        err: Receives warnings, errors and bars.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)

    def line(self, text: str) -> None:
        """Write one line."""
        self.out.write(f"{text}\n")
        self.out.flush()

    def item(self, name: str, text: str) -> None:
        """Write one line after a name, in columns."""
        self.line(f"{name:<12}{text}")

    def warning(self, text: str) -> None:
        """Write something that the user should know, but that stops nothing."""
        self.err.write(f"warning: {text}\n")
        self.err.flush()

    def error(self, text: str) -> None:
        """Write why the command failed, as one line."""
        self.err.write(f"error: {' '.join(text.split())}\n")
        self.err.flush()

    @property
    def is_interactive(self) -> bool:
        """Whether ``err`` is a terminal, which can redraw a bar in place."""
        return self.err.isatty()

    def bar(self, name: str, total: int, unit: str) -> "tqdm[NoReturn]":
        """Return a progress bar with the remaining time; it writes nothing where ``err`` isn't a terminal."""
        from tqdm import tqdm  # noqa: PLC0415  only training and downloads need it

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
    """Return seconds in a short form: ``42 s``, ``2 min 05 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def percent(share: float) -> str:
    """Return a share (0–1) in percent with two decimals."""
    return f"{100 * share:.2f} %"
