"""``python -m loadgen [flags of locust]``: Locust with this stack's users, on all cores."""

import logging
import os
import resource
import signal
import socket
import sys

from pydantic import ValidationError

from loadgen.command import LOOPBACK, argv_of
from loadgen.settings import Settings

EXIT_CODE = 2
_log = logging.getLogger("loadgen")


def main() -> int:
    """Become Locust; a wrong setting is one line and exit code 2."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        argv = argv_of(Settings(), sys.argv[1:], free_port())
    except ValidationError as exc:
        for error in exc.errors(include_input=False, include_url=False):
            _log.error("LOADGEN_%s: %s", ".".join(map(str, error["loc"])).upper(), error["msg"])
        return EXIT_CODE
    raise_file_limit()
    # Locust ends its workers by SIGINT, which whatever a shell starts in the background inherits as ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    return os.execv(sys.executable, [sys.executable, "-m", *argv])  # noqa: S606 - no shell wanted


def free_port() -> int:
    """Return a loopback port that is free now, so that several runs fit on one machine."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def raise_file_limit() -> None:
    """Let this process open as many files as the machine allows.

    Every user holds a connection: what the machine allows should be the limit, not the shell's default.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
