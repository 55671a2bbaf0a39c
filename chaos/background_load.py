"""A light load from a process of its own, to time answers and refusals during an overload.

The process that generates the overload is itself busy: the times that it measures include its own event loop's delay.
"""

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from chaos.counts import RequestCounts
from chaos.load import Load, PredictRequest

_CLIENTS = 16
# Keeps the rate low, so that these clients add little to the load.
_PAUSE_S = 0.2


async def background_load(port: int, requests: Sequence[PredictRequest], seconds: float) -> RequestCounts:
    """Send requests for a time; return their outcome.

    Args:
        port: The API's port.
        requests: The requests, sent in turn.
        seconds: The time.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, _run, port, list(requests), seconds)


def _run(port: int, requests: list[PredictRequest], seconds: float) -> RequestCounts:
    return asyncio.run(_send(port, requests, seconds))


async def _send(port: int, requests: list[PredictRequest], seconds: float) -> RequestCounts:
    async with Load(port, requests, _CLIENTS, pause_s=_PAUSE_S) as load:
        await asyncio.sleep(seconds)
    return load.counts
