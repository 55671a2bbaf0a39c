"""Ends a model's process whose server was killed.

Triton's own process for Python looks for its server three times a second, and ends where there is none. But before it
looks it takes a lock in memory that it shares with the server; who was killed holding that lock never gives it back,
and the process stays, with its shared memory. That is rare: one kill in dozens, on a busy machine. This looks without
a lock.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

_PAUSE_S = 1.0
# Nearly always the process has ended by itself by then, and tidied up better than this can.
_GRACE_S = 3.0


def end_with_server() -> None:
    """Start to watch the server, which is this process's parent."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="orphan", daemon=True).start()


def _watch(server_pid: int) -> None:
    while os.getppid() == server_pid:
        time.sleep(_PAUSE_S)
    time.sleep(_GRACE_S)
    for region in _shared_memory():
        with suppress(FileNotFoundError):
            region.unlink()
    # Not sys.exit: the main thread may be the one that waits.
    os._exit(1)


def _shared_memory() -> set[Path]:
    """Return the regions that this process shared with its server; nobody else maps them."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {Path(line.split()[-1]) for line in lines if "/dev/shm/triton" in line}  # noqa: S108 - Triton's own name
