"""One trainer at a time: ``flock`` on a file, which the kernel gives back however the process ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from trainer.errors import RepositoryLocked


@contextlib.contextmanager
def exclusive(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs.

    The file stays when the block ends: removing it would let two processes hold "the" lock on two files.

    Args:
        path: Made if missing.
        purpose: What the other process is doing, for the error.

    Raises:
        RepositoryLocked: Another process holds it.
        OSError: The file can't be made or locked.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise RepositoryLocked(
                f"another trainer is {purpose} {path.parent}; wait until it is done (lock: {path.name})"
            ) from exc
        yield
