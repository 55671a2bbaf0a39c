"""A constant load on kept-alive connections: every answer is checked, every request accounted for."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

import orjson

from chaos.connection import Closed, Connection, Response, connect
from chaos.tally import Failure, Tally

# Far above the api's own deadline: whoever waits for so long was forgotten.
PATIENCE_S = 20.0
# A refused client waits as long as it is told before it asks again, but no longer than this; so long if it isn't told.
MOST_PAUSE_S = 1.0
PAUSE_S = 0.25
HONEST = {503, 429, 504}


class Question(NamedTuple):
    """A request, ready to be sent but for its id, and the digit that the model reads in it."""

    head: bytes
    rest: bytes
    digit: int


def question(json_body: bytes, digit: int) -> Question:
    """Return ``POST /predict`` with a JSON body."""
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-request-id: "
    return Question(head, b"\r\ncontent-length: %d\r\n\r\n%b" % (len(json_body), json_body), digit)


class Load:
    """Closed-loop clients, each on a connection of its own, while the block runs.

    Args:
        port: The api's.
        questions: What they ask, in turn.
        clients: How many.
        pause_s: Mean time that a client waits between an answer and its next request; 0 asks at once.
    """

    _runs = itertools.count()

    def __init__(self, port: int, questions: Sequence[Question], clients: int, *, pause_s: float = 0) -> None:
        self._port, self._questions, self._clients, self._pause_s = port, questions, clients, pause_s
        self._name = f"load-{next(self._runs)}"
        self._is_stopped = False
        self._tasks: list[asyncio.Task[None]] = []
        self.tally = Tally()

    def __str__(self) -> str:
        """Return the load as the table names it."""
        return f"{self._clients} connections" + (f", {self._pause_s * 1e3:.0f} ms apart" if self._pause_s else "")

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._run(number)) for number in range(self._clients)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_stopped = True
        if kind is not None:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=kind is not None)

    async def answered(self, more: int, within_s: float = 20) -> None:
        """Wait for so many right answers more.

        Raises:
            TimeoutError: They don't come.
        """
        goal = self.tally.answered + more
        async with asyncio.timeout(within_s):
            while self.tally.answered < goal:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _run(self, number: int) -> None:
        connection: Connection | None = None
        try:
            for count in itertools.count():
                if self._is_stopped:
                    break
                question = self._questions[(number + count) % len(self._questions)]
                connection = await self._ask(connection, question, f"{self._name}-{number}-{count}")
                if self._pause_s:
                    await asyncio.sleep(random.expovariate(1 / self._pause_s))
        finally:
            if connection is not None:
                connection.close()

    async def _ask(self, connection: Connection | None, question: Question, name: str) -> Connection | None:
        """Ask once, again where the connection was closing in that instant; return the connection if it is any good."""
        started = time.monotonic()
        for is_last in (False, True):
            # An id of its own for the second try, so that the api's log tells whether it ever saw the first.
            sent_as = f"{name}-again" if is_last else name
            request = b"".join((question.head, sent_as.encode(), question.rest))
            port = connection.port if connection else 0
            try:
                if connection is None or not connection.is_open:
                    connection = await connect(self._port)
                    port = connection.port
                response = await connection.ask(request, PATIENCE_S)
            except Closed as closed:
                if not is_last and closed.is_reused and closed.is_empty:
                    self.tally.lost[name] = Failure(time.monotonic(), str(closed), port)
                    continue
                self.tally.fail(str(closed), port)
                return None
            except ConnectionRefusedError:
                self.tally.shut += 1
                await asyncio.sleep(PAUSE_S)
                return None
            except (OSError, TimeoutError) as error:
                self.tally.fail(repr(error), port)
                if connection is not None:
                    connection.close()
                return None
            await self._note(response, question, sent_as, port, time.monotonic() - started)
            return connection
        return None

    async def _note(self, response: Response, question: Question, name: str, port: int, took_s: float) -> None:
        body = _json_of(response.body)
        if response.status == 200:
            if body.get("prediction") == question.digit:
                self.tally.answer(str(body.get("model_version")), took_s)
            else:
                self.tally.wrong.append(time.monotonic())
            return
        error = body.get("error")
        if response.status in HONEST and isinstance(error, dict) and error.get("request_id") == name:
            self.tally.refuse(str(error["code"]), took_s)
            await asyncio.sleep(min(response.retry_after_s or PAUSE_S, MOST_PAUSE_S))
            return
        self.tally.fail(f"{response.status} {response.body[:200]!r}", port)


def _json_of(body: bytes) -> dict[str, object]:
    with contextlib.suppress(orjson.JSONDecodeError):
        found = orjson.loads(body)
        if isinstance(found, dict):
            return found
    return {}
