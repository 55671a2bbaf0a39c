"""The file with API keys: one a line."""

from pathlib import Path


def read_keys(file: Path) -> list[str]:
    """Return the keys in a file: one a line; empty lines and those that begin with ``#`` don't count.

    Raises:
        ValueError: It can't be read, or holds no key. The message says nothing of what is in it.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
    except OSError as exc:
        raise ValueError(f"{file} can't be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise ValueError(f"{file} isn't plain ASCII: one key a line") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError(f"{file} holds no key: one a line")
    return keys
