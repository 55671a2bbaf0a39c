"""``python -m loadgen [flags of locust]`` runs Locust with this stack's users on all cores."""

import logging
import os
import resource
import signal
import socket
import sys

from pydantic import ValidationError

from loadgen.command import LOOPBACK, build_argv
from loadgen.settings import Settings

EXIT_CODE = 2
_log = logging.getLogger("loadgen")


def main() -> int:
    """Replace this process by Locust; a wrong setting is one line and exit code 2."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        argv = build_argv(Settings(), sys.argv[1:], free_port())
    except ValidationError as exc:
        for error in exc.errors(include_input=False, include_url=False):
            _log.error("LOADGEN_%s: %s", ".".join(map(str, error["loc"])).upper(), error["msg"])
        return EXIT_CODE
    except ValueError as exc:
        _log.error("--host: %s", exc)
        return EXIT_CODE
    raise_file_limit()
    # Locust stops its workers by SIGINT; a process that a shell starts in the background inherits it as ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    return os.execv(sys.executable, [sys.executable, "-m", *argv])  # noqa: S606 - no shell wanted


def free_port() -> int:
    """Return a loopback port that is free now, so that several runs can share one machine."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def raise_file_limit() -> None:
    """Raise the soft limit on open files to the hard limit: every user holds a connection."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
