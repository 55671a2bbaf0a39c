"""``python -m api.jobs.heartbeat [live]``: says whether the worker of this container works.

The worker's sweep notes each second that it ran, and whether Redis answered it. Nothing is asked of Celery: its
``inspect`` goes through Redis to every worker and back, and takes seconds.

Imports little, since it runs every few seconds.
"""

import os
import sys
import time
from pathlib import Path

# Above a sweep's period and the time that it waits for a Redis that hangs.
_FRESH_S = 15.0
_WORKING, _WAITING = "working", "waiting for Redis"


def note(file: Path, *, working: bool) -> None:
    """Note that the worker lives, and whether it reached Redis; a reader never sees half of it."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(_WORKING if working else _WAITING)
    new.replace(file)


def fault_of(file: Path, *, live: bool = False) -> str | None:
    """Return what is wrong with the worker that writes a file, or None.

    Args:
        file: What `note` writes.
        live: Whether it is enough that the worker lives, with or without Redis.
    """
    try:
        age_s, state = time.time() - file.stat().st_mtime, file.read_text()
    except OSError as exc:
        return f"{file} can't be read: {exc.strerror}; the worker hasn't begun, or API_JOBS_HEARTBEAT_FILE is wrong"
    if age_s > _FRESH_S:
        return f"the worker's last sweep is {age_s:.0f} s ago"
    return None if live or state == _WORKING else state


def main() -> str | None:
    """Return what is wrong with the worker of this environment: `sys.exit` prints it, and ends with 1."""
    file = os.environ.get("API_JOBS_HEARTBEAT_FILE")
    if not file:
        return "API_JOBS_HEARTBEAT_FILE isn't set"
    return fault_of(Path(file), live="live" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
