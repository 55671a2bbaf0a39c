"""Commands that run for a while and are ended with us."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from chaos.errors import ChaosError
from chaos.paths import ROOT

_PATIENCE_S = 900.0


async def start(argv: Sequence[str], env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a command in the clone's folder; what it prints, errors too, comes through a pipe."""
    return await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches us alone, and we end it
    )


def end(process: asyncio.subprocess.Process) -> None:
    """Kill a command that still runs, and whatever it started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def run(argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command; return its exit status and what it printed.

    Raises:
        ChaosError: It doesn't end.
    """
    process = await start(argv, env)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            printed, _ = await process.communicate()
    except TimeoutError as exc:
        raise ChaosError(f"{' '.join(argv)} doesn't end") from exc
    finally:
        end(process)
    return process.returncode or 0, printed.decode(errors="replace")
