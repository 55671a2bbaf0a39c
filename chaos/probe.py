"""A load balancer's eye: asks ``/health/ready`` again and again, and knows from when on it said what."""

import asyncio
import time
from typing import NamedTuple, Self

import orjson

from chaos.connection import Closed, connect

_REQUEST = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
_PAUSE_S = 0.05
_PATIENCE_S = 10.0
# Each probe meets any one of the workers; so many in a row have met them all.
_IN_A_ROW = 8


class Look(NamedTuple):
    """One answer: when it came, and its code; ``ready``, an error's code, or what happened instead."""

    at: float
    took_s: float
    said: str


class Probe:
    """Probes, one after another, each on a new connection, while the block runs.

    Args:
        port: The api's.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.looks: list[Look] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def said(self, since: float = 0) -> set[str]:
        """Return all that was said since a moment of ``time.monotonic()``."""
        return {look.said for look in self.looks if look.at >= since}

    async def unready(self, since: float, within_s: float) -> float:
        """Wait until nothing but unreadiness is heard; return the seconds from ``since`` until the first of it.

        Raises:
            TimeoutError: It isn't noticed in time.
        """
        return await self._turn(since, within_s, is_ready=False)

    async def ready(self, since: float, within_s: float) -> float:
        """Wait until nothing but readiness is heard; return the seconds from ``since`` until the first of it.

        Raises:
            TimeoutError: It isn't ready in time.
        """
        return await self._turn(since, within_s, is_ready=True)

    async def _turn(self, since: float, within_s: float, *, is_ready: bool) -> float:
        async with asyncio.timeout(max(0.0, since + within_s - time.monotonic())):
            while True:
                looks = [look for look in self.looks if look.at >= since]
                last = looks[-_IN_A_ROW:]
                if len(last) == _IN_A_ROW and all((look.said == "ready") == is_ready for look in last):
                    break
                await asyncio.sleep(_PAUSE_S)
        others = [look.at for look in looks if (look.said == "ready") != is_ready]
        first = next(look.at for look in looks if not others or look.at > others[-1])
        return first - since

    async def _run(self) -> None:
        while True:
            started = time.monotonic()
            said = await self._ask()
            now = time.monotonic()
            self.looks.append(Look(now, now - started, said))
            await asyncio.sleep(_PAUSE_S)

    async def _ask(self) -> str:
        try:
            connection = await connect(self._port)
            response = await connection.ask(_REQUEST, _PATIENCE_S)
        except (OSError, TimeoutError, Closed) as error:
            return type(error).__name__
        if response.status == 200:
            return "ready"
        try:
            return str(orjson.loads(response.body)["error"]["code"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return f"status {response.status}"
