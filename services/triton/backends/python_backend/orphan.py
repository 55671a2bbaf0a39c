"""Ends a backend process whose server was killed.

Triton's stub checks three times a second whether its server still runs, and ends if not. But it first takes a lock in
the memory that it shares with the server. A server that was killed while it held the lock never releases it: the stub
then stays, with its shared memory. That happened in one of dozens of kills on a busy machine. This module checks
without a lock.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

_PAUSE_S = 1.0
# The stub nearly always ends by itself within this time, and cleans up more than this module can.
_GRACE_S = 3.0


def end_with_server() -> None:
    """Start a thread that watches the server, which is this process's parent."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="orphan", daemon=True).start()


def _watch(server_pid: int) -> None:
    while os.getppid() == server_pid:
        time.sleep(_PAUSE_S)
    time.sleep(_GRACE_S)
    for region in _shared_memory():
        with suppress(FileNotFoundError):
            region.unlink()
    # sys.exit would wait for the main thread, which may be the one that waits for the lock.
    os._exit(1)


def _shared_memory() -> set[Path]:
    """Return the files in shared memory that this process and its server map, and no other process."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {Path(line.split()[-1]) for line in lines if "/dev/shm/triton" in line}  # noqa: S108 - Triton's own name
