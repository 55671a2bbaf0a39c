"""Files that are read again when they have changed, without a restart."""

import time
from collections.abc import Callable
from pathlib import Path

_CHECK_PERIOD_S = 1.0
# A file system's clock is coarse: two writes in quick succession can carry the same time.
_SETTLED_NS = 2_000_000_000


class FileWatch:
    """Tells when a file has changed since it was last read; looks once a second at most.

    Make it before the file is first read.

    Args:
        file: The file; it may be missing for a while.
        clock: Seconds, as `time.monotonic`.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = file
        self._clock = clock
        self._seen = _signature(file)
        self._next_check = clock() + _CHECK_PERIOD_S

    def has_changed(self) -> bool:
        """Say whether the file should be read again."""
        now = self._clock()
        if now < self._next_check:
            return False
        self._next_check = now + _CHECK_PERIOD_S
        signature = _signature(self.file)
        if signature == self._seen:
            return False
        self._seen = signature if _is_settled(signature) else None
        return True


def _signature(file: Path) -> tuple[int, int, int] | None:
    """Return a value that changes when the file does; None where there is no file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _is_settled(signature: tuple[int, int, int] | None) -> bool:
    return signature is None or time.time_ns() - signature[0] > _SETTLED_NS
