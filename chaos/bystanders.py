"""A few more clients in a process of their own, which see how long an answer or a refusal takes.

A thousand clients in one process keep that process busy, and what each of them measures is its turn there as well.
"""

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from chaos.load import Load, Question
from chaos.tally import Tally

_CLIENTS = 16
# Apart, so that they are a small part of the load, and seldom in each other's way.
_PAUSE_S = 0.2


async def bystand(port: int, questions: Sequence[Question], seconds: float) -> Tally:
    """Ask now and then for so many seconds; return what became of it.

    Args:
        port: The api's.
        questions: What is asked, in turn.
        seconds: How long.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, _run, port, list(questions), seconds)


def _run(port: int, questions: list[Question], seconds: float) -> Tally:
    return asyncio.run(_ask(port, questions, seconds))


async def _ask(port: int, questions: list[Question], seconds: float) -> Tally:
    async with Load(port, questions, _CLIENTS, pause_s=_PAUSE_S) as load:
        await asyncio.sleep(seconds)
    return load.tally
