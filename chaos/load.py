"""A closed-loop load on kept-alive connections that checks every answer and counts every request."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

import orjson

from chaos.connection import Closed, Connection, Response, connect
from chaos.counts import Failure, RequestCounts

# Far above the API's own deadline: a request that takes longer was lost inside the stack.
TIMEOUT_S = 20.0
# A refused client waits for Retry-After, at most MAX_PAUSE_S; without the header it waits for PAUSE_S.
MAX_PAUSE_S = 1.0
PAUSE_S = 0.25
REFUSALS = {503, 429, 504}


class PredictRequest(NamedTuple):
    """A request in bytes around the place of its id, and the expected digit."""

    head: bytes
    rest: bytes
    digit: int

    def encode(self, request_id: str) -> bytes:
        """Return the bytes to send."""
        return b"".join((self.head, request_id.encode(), self.rest))


def predict_request(json_body: bytes, digit: int) -> PredictRequest:
    """Return ``POST /predict`` with a JSON body."""
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-request-id: "
    return PredictRequest(head, b"\r\ncontent-length: %d\r\n\r\n%b" % (len(json_body), json_body), digit)


class Load:
    """Closed-loop clients with one connection each; they send requests while the block runs.

    Args:
        port: The API's port.
        requests: The requests, sent in turn.
        clients: Number of clients.
        pause_s: Mean time between a client's response and its next request; 0 for none.
    """

    _runs = itertools.count()

    def __init__(self, port: int, requests: Sequence[PredictRequest], clients: int, *, pause_s: float = 0) -> None:
        self._port, self._requests, self._clients, self._pause_s = port, requests, clients, pause_s
        self._name = f"load-{next(self._runs)}"
        self._is_stopped = False
        self._tasks: list[asyncio.Task[None]] = []
        self.counts = RequestCounts()

    def __str__(self) -> str:
        """Return the load as the table shows it."""
        return f"{self._clients} connections" + (f", pause {self._pause_s * 1e3:.0f} ms" if self._pause_s else "")

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._run(number)) for number in range(self._clients)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_stopped = True
        if kind is not None:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=kind is not None)

    async def wait_answered(self, more: int, within_s: float = 20) -> None:
        """Wait for a number of further correct answers.

        Raises:
            TimeoutError: They do not arrive in time.
        """
        goal = self.counts.answered + more
        try:
            async with asyncio.timeout(within_s):
                while self.counts.answered < goal:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError as exc:
            missing = goal - self.counts.answered
            raise TimeoutError(f"{missing} of {more} correct answers missing after {within_s:g} s") from exc

    async def _run(self, number: int) -> None:
        connection: Connection | None = None
        try:
            for count in itertools.count():
                if self._is_stopped:
                    break
                request = self._requests[(number + count) % len(self._requests)]
                connection = await self._send(connection, request, f"{self._name}-{number}-{count}")
                if self._pause_s:
                    await asyncio.sleep(random.expovariate(1 / self._pause_s))
        finally:
            if connection is not None:
                connection.close()

    async def _send(self, connection: Connection | None, request: PredictRequest, name: str) -> Connection | None:
        """Send a request, again if its connection was closing; return the connection if it can be used further."""
        started = time.monotonic()
        for is_last in (False, True):
            # The second attempt has another id, so that the API's log shows whether it received the first.
            request_id = f"{name}-again" if is_last else name
            port = connection.port if connection else 0
            try:
                if connection is None or not connection.is_open:
                    connection = await connect(self._port)
                    port = connection.port
                response = await connection.send(request.encode(request_id), TIMEOUT_S)
            except Closed as closed:
                if not is_last and closed.is_reused and closed.is_empty:
                    self.counts.resent[name] = Failure(time.monotonic(), str(closed), port)
                    continue
                self.counts.fail(str(closed), port)
                return None
            except ConnectionRefusedError:
                self.counts.not_connected += 1
                await asyncio.sleep(PAUSE_S)
                return None
            except (OSError, TimeoutError) as error:
                self.counts.fail(repr(error), port)
                if connection is not None:
                    connection.close()
                return None
            await self._count(response, request, request_id, port, time.monotonic() - started)
            return connection
        return None

    async def _count(self, response: Response, request: PredictRequest, name: str, port: int, took_s: float) -> None:
        body = _parse(response.body)
        if response.status == 200:
            if body.get("prediction") == request.digit:
                self.counts.answer(str(body.get("model_version")), took_s)
            else:
                self.counts.wrong.append(time.monotonic())
            return
        error = body.get("error")
        if response.status in REFUSALS and isinstance(error, dict) and error.get("request_id") == name:
            self.counts.refuse(str(error["code"]), took_s)
            await asyncio.sleep(min(response.retry_after_s or PAUSE_S, MAX_PAUSE_S))
            return
        self.counts.fail(f"{response.status} {response.body[:200]!r}", port)


def _parse(body: bytes) -> dict[str, object]:
    with contextlib.suppress(orjson.JSONDecodeError):
        found = orjson.loads(body)
        if isinstance(found, dict):
            return found
    return {}
