"""A readiness probe: requests ``/health/ready`` continuously and keeps every result with its time."""

import asyncio
import time
from typing import NamedTuple, Self

import orjson

from chaos.connection import Closed, connect

_REQUEST = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
_PAUSE_S = 0.05
_TIMEOUT_S = 10.0
# Each probe reaches one of the workers. After this many equal results in a row, very likely all workers agree.
_IN_A_ROW = 8


class ProbeResult(NamedTuple):
    """The time of a response, and its code: ``ready``, the error's code, or the name of an exception."""

    at: float
    took_s: float
    code: str


class Probe:
    """Probes one after another, each on a new connection, while the block runs.

    Args:
        port: The API's port.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.results: list[ProbeResult] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def codes(self, since: float = 0) -> set[str]:
        """Return all codes since a value of ``time.monotonic()``."""
        return {result.code for result in self.results if result.at >= since}

    async def wait_unready(self, since: float, within_s: float) -> float:
        """Wait until all workers report unreadiness; return the seconds from ``since`` to the first such result.

        Raises:
            TimeoutError: They do not in time.
        """
        return await self._wait(since, within_s, is_ready=False)

    async def wait_ready(self, since: float, within_s: float) -> float:
        """Wait until all workers report readiness; return the seconds from ``since`` to the first such result.

        Raises:
            TimeoutError: They do not in time.
        """
        return await self._wait(since, within_s, is_ready=True)

    async def _wait(self, since: float, within_s: float, *, is_ready: bool) -> float:
        try:
            async with asyncio.timeout(max(0.0, since + within_s - time.monotonic())):
                while True:
                    results = [result for result in self.results if result.at >= since]
                    last = results[-_IN_A_ROW:]
                    if len(last) == _IN_A_ROW and all((result.code == "ready") == is_ready for result in last):
                        break
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError as exc:
            state = "ready" if is_ready else "unready"
            raise TimeoutError(
                f"/health/ready was not {state} within {within_s:g} s; it answered {', '.join(self.codes(since))}"
            ) from exc
        others = [result.at for result in results if (result.code == "ready") != is_ready]
        return next(result.at for result in results if not others or result.at > others[-1]) - since

    async def _run(self) -> None:
        while True:
            started = time.monotonic()
            code = await self._probe()
            now = time.monotonic()
            self.results.append(ProbeResult(now, now - started, code))
            await asyncio.sleep(_PAUSE_S)

    async def _probe(self) -> str:
        try:
            connection = await connect(self._port)
            response = await connection.send(_REQUEST, _TIMEOUT_S)
        except (OSError, TimeoutError, Closed) as error:
            return type(error).__name__
        if response.status == 200:
            return "ready"
        try:
            return str(orjson.loads(response.body)["error"]["code"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return f"status {response.status}"
