"""Waiting for a condition, with a time limit."""

import asyncio
from collections.abc import Callable

from chaos.errors import ChaosError


async def until(condition: Callable[[], bool], what: str, within_s: float = 40.0) -> None:
    """Wait until a condition holds.

    Raises:
        ChaosError: It does not hold in time.
    """
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - processes send no events
                await asyncio.sleep(0.05)
    except TimeoutError as exc:
        raise ChaosError(f"{what}: not within {within_s:g} s") from exc
