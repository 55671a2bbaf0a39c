"""Locust's command line, from the settings and the flags that the caller adds."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from loadgen.host import base_url
from loadgen.settings import Settings

LOOPBACK = "127.0.0.1"
# A run over several machines sets these itself.
_ROLES = {"--master", "--worker"}
_MASTER_ADDRESS = {"--master-bind-host", "--master-bind-port", "--master-host", "--master-port"}


def build_argv(settings: Settings, extra: Sequence[str], master_port: int) -> list[str]:
    """Return the command line; the flags in ``extra`` come last and so take precedence.

    Args:
        settings: Target, web page, processes.
        extra: Locust's own flags.
        master_port: A free port on which the master listens for this machine's workers.

    Raises:
        ValueError: A host among the flags isn't the address of an api.
    """
    _check_hosts(extra)
    given = {flag.partition("=")[0] for flag in extra}
    locustfile = Path(__file__).with_name("locustfile.py")
    argv = ["locust", "--locustfile", str(locustfile), "--host", settings.target]
    if "--worker" not in given:
        argv += ["--web-host", settings.web_host, "--web-port", str(settings.web_port)]
    if settings.processes and not given & (_ROLES | {"--processes"}):
        argv += ["--processes", str(settings.processes)]
    if not given & (_ROLES | _MASTER_ADDRESS):
        # Locust's defaults are all of the machine's addresses, and the same port for every run.
        argv += ["--master-bind-host", LOOPBACK, "--master-host", LOOPBACK]
        argv += ["--master-bind-port", str(master_port), "--master-port", str(master_port)]
    return [*argv, *extra]


def _check_hosts(extra: Sequence[str]) -> None:
    """Refuse a wrong host at start; a right one is completed by the users, as one from Locust's page is."""
    for flag, following in itertools.pairwise([*extra, ""]):
        name, equals, value = flag.partition("=")
        if name in ("--host", "-H"):
            base_url(value if equals else following)
