"""Commands that run in the background and end with the program."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

from chaos.errors import ChaosError
from chaos.paths import ROOT

_TIMEOUT_S = 900.0


async def start(argv: Sequence[str], env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a command in the repository's root; a pipe carries its stdout and stderr."""
    return await asyncio.create_subprocess_exec(
        *argv,
        env=dict(env),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C signals this program only, which then ends the command
    )


def end(process: asyncio.subprocess.Process) -> None:
    """Kill a command and its children if it still runs."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def run(argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command; return its exit status and output.

    Raises:
        ChaosError: It does not end in time.
    """
    process = await start(argv, env)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError as exc:
        raise ChaosError(f"{' '.join(argv)} did not end within {_TIMEOUT_S:g} s") from exc
    finally:
        end(process)
    return process.returncode or 0, output.decode(errors="replace")
