"""Locust's command line, out of the settings and of what the caller adds."""

from collections.abc import Sequence
from pathlib import Path

from loadgen.settings import Settings

# A master or worker of a distributed run, and a run without a page, say so themselves.
_ROLES = ("--master", "--worker", "--processes")


def argv_of(settings: Settings, extra: Sequence[str]) -> list[str]:
    """Return the command line; what stands in ``extra`` comes last and so wins.

    Args:
        settings: Target, page, processes.
        extra: Locust's own flags.
    """
    locustfile = Path(__file__).with_name("locustfile.py")
    argv = ["locust", "--locustfile", str(locustfile), "--host", settings.target]
    if "--worker" not in extra:
        argv += ["--web-host", settings.web_host, "--web-port", str(settings.web_port)]
    if settings.processes and not any(flag.partition("=")[0] in _ROLES for flag in extra):
        argv += ["--processes", str(settings.processes)]
    return [*argv, *extra]
