"""Locust's command line, out of the settings and of what the caller adds."""

from collections.abc import Sequence
from pathlib import Path

from loadgen.settings import Settings

LOOPBACK = "127.0.0.1"
# A master or a worker over several machines says so itself.
_ROLES = {"--master", "--worker"}
_MASTER_ADDRESS = {"--master-bind-host", "--master-bind-port", "--master-host", "--master-port"}


def argv_of(settings: Settings, extra: Sequence[str], master_port: int) -> list[str]:
    """Return the command line; what stands in ``extra`` comes last and so wins.

    Args:
        settings: Target, page, processes.
        extra: Locust's own flags.
        master_port: A free port, where this machine's workers meet their master.
    """
    given = {flag.partition("=")[0] for flag in extra}
    locustfile = Path(__file__).with_name("locustfile.py")
    argv = ["locust", "--locustfile", str(locustfile), "--host", settings.target]
    if "--worker" not in given:
        argv += ["--web-host", settings.web_host, "--web-port", str(settings.web_port)]
    if settings.processes and not given & (_ROLES | {"--processes"}):
        argv += ["--processes", str(settings.processes)]
    if not given & (_ROLES | _MASTER_ADDRESS):
        # Locust's own default is every address of the machine, and one port for all runs on it.
        argv += ["--master-bind-host", LOOPBACK, "--master-host", LOOPBACK]
        argv += ["--master-bind-port", str(master_port), "--master-port", str(master_port)]
    return [*argv, *extra]
