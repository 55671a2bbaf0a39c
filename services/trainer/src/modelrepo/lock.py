"""Mutual exclusion between processes: ``flock`` on a file, which the kernel releases however the process ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from modelrepo.errors import RepositoryLocked


@contextlib.contextmanager
def exclusive(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs.

    The file stays when the block ends: if it were removed, two processes could each lock a file of this name.

    Args:
        path: Created if missing.
        purpose: What a process does while it holds the lock, for the error: "changing".

    Raises:
        RepositoryLocked: Another process holds it.
        OSError: The file can't be created or locked.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise RepositoryLocked(
                f"another trainer is {purpose} {path.parent}; wait until it has ended (lock: {path.name})"
            ) from exc
        yield
