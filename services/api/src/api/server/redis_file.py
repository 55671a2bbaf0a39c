"""Has the workers replaced once the file with Redis' address is there: Redis may be added to an api that runs."""

import atexit
import os
import signal
from pathlib import Path

_PERIOD_S = 1.0


def reload_once_there(file: Path) -> None:
    """Send this process, gunicorn's master, a ``HUP`` when the file is there; new workers read the settings again.

    By a timer and not on a thread: the master forks, and a fork doesn't take a timer along. The timer ends before the
    interpreter does: Python takes its handlers away first, and a signal without one would kill the master in the middle
    of its exit.

    Args:
        file: `API_REDIS_URL_FILE`.
    """

    def look(*_: object) -> None:
        if file.exists():
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.kill(os.getpid(), signal.SIGHUP)

    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _PERIOD_S, _PERIOD_S)
