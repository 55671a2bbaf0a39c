"""``python -m loadgen [flags of locust]``: Locust with this stack's users, on all cores."""

import logging
import os
import resource
import sys

from pydantic import ValidationError

from loadgen.command import argv_of
from loadgen.settings import Settings

EXIT_CODE = 2


_log = logging.getLogger("loadgen")


def main() -> int:
    """Become Locust; a wrong setting is one line and exit code 2."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        argv = argv_of(Settings(), sys.argv[1:])
    except ValidationError as exc:
        for error in exc.errors(include_input=False, include_url=False):
            _log.error("LOADGEN_%s: %s", ".".join(map(str, error["loc"])).upper(), error["msg"])
        return EXIT_CODE
    raise_file_limit()
    sys.stdout.flush()
    return os.execv(sys.executable, [sys.executable, "-m", *argv])  # noqa: S606 - no shell wanted


def raise_file_limit() -> None:
    """Let this process open as many files as the machine allows.

    Every user holds a connection: what the machine allows should be the limit, not the shell's default.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
