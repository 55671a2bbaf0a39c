"""Reads the files that the command line names."""

from pathlib import Path

from trainer.errors import SettingsError


def read_bytes(path: Path, option: str) -> bytes:
    """Return a file's content.

    Raises:
        SettingsError: It can't be read; the message names the option.
    """
    try:
        return path.read_bytes()
    except OSError as exc:
        raise SettingsError(f"{option}: {path} can't be read ({exc.strerror})") from exc


def read_text(path: Path, option: str) -> str:
    """Return a text file's content.

    Raises:
        SettingsError: It can't be read, or isn't UTF-8.
    """
    try:
        return read_bytes(path, option).decode()
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{option}: {path} isn't UTF-8") from exc
