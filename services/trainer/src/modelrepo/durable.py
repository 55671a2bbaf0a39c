"""Atomic writes that survive a power cut: fsync, then rename. A reader sees the whole file or none of it.

Source: https://lwn.net/Articles/457667/ (why the file and its folder are both synced).
"""

import contextlib
import os
import tempfile
from pathlib import Path

PUBLIC_FILE_MODE = 0o644
PUBLIC_FOLDER_MODE = 0o755


def sync_folder(folder: Path) -> None:
    """Make names that were added to, or renamed in, ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes) -> None:
    """Write a new file through to the disk, readable by every user: Triton may run as another one."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        # Set explicitly: a strict umask would leave the file unreadable for Triton.
        os.fchmod(file.fileno(), PUBLIC_FILE_MODE)
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Replace ``path`` by one rename: a reader sees the old content or the new content."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        write_file(temporary, data)
        os.replace(temporary, path)  # noqa: PTH105  the fault tests count calls of os, fsync and rename alike
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
