"""Concurrent requests of one worker go to Triton as one call.

A call costs far more than a row: gRPC, protobuf and the event loop are paid once a call. While ``max_calls`` calls are
under way, what arrives waits and leaves together as soon as one of them is back; with a free place it leaves at once,
so that a lone client waits for nobody. The queue is bounded, and whoever gives up leaves it at once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api import metrics
from api.errors import Overloaded, UpstreamError
from api.record import Record


class Answer(NamedTuple):
    """What the model said to the rows of a call, or to those of one request in it."""

    values: Sequence[Any]  # one a row, in the rows' order; an array does as well
    model_version: str


class _Waiting(NamedTuple):
    rows: NDArray[Any]
    future: asyncio.Future[Answer]
    record: Record
    since: float  # by time.perf_counter


class Coalescer:
    """Gathers rows and sends them together; lives in one event loop.

    Args:
        infer: Runs the model over the ``(N, …)`` rows of some requests.
        capacity: Returns the most rows that one call should carry, ≥ 1.
        max_calls: Most calls under way at a time, ≥ 1.
        max_queued_rows: Most rows that wait for a call, ≥ 1; more wait only if they come in one request.
    """

    def __init__(
        self,
        infer: Callable[[NDArray[Any], Sequence[Record]], Awaitable[Answer]],
        *,
        capacity: Callable[[], int],
        max_calls: int,
        max_queued_rows: int,
    ) -> None:
        self._infer = infer
        self._capacity = capacity
        self._max_calls = max_calls
        self._max_queued_rows = max_queued_rows
        self._queue: OrderedDict[asyncio.Future[Answer], _Waiting] = OrderedDict()
        self._queued_rows = 0
        self._calls: set[asyncio.Task[None]] = set()

    async def submit(self, rows: NDArray[Any], record: Record) -> Answer:
        """Return the model's answer to ``rows``, ``(n, …)`` with n ≥ 1; cancelled before they are sent, they never are.

        Args:
            rows: What to ask about.
            record: Takes down how long it took, in which company, and who answered.

        Raises:
            Overloaded: Too many rows wait already.
            UpstreamError: The call failed.
        """
        if self._queue and self._queued_rows + len(rows) > self._max_queued_rows:
            raise Overloaded("Too many images wait for the model; try again in a second.", retry_after_s=1)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue[future] = _Waiting(rows, future, record, time.perf_counter())
        self._queued_rows += len(rows)
        self._send()
        try:
            return await future
        except asyncio.CancelledError:
            if self._queue.pop(future, None):
                self._queued_rows -= len(rows)
                metrics.QUEUED.value = len(self._queue)
            raise

    async def drain(self) -> None:
        """Wait until everything that was submitted has its answer."""
        while self._calls:
            await asyncio.wait(self._calls)

    def _send(self) -> None:
        while len(self._calls) < self._max_calls and (group := self._take()):
            call = asyncio.create_task(self._run(group))
            self._calls.add(call)
            call.add_done_callback(self._on_done)
        metrics.QUEUED.value = len(self._queue)

    def _on_done(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._send()

    def _take(self) -> list[_Waiting]:
        """Take the oldest requests that fit into one call together, leaving out those nobody waits for any more."""
        group: list[_Waiting] = []
        room = self._capacity()
        while self._queue:
            waiting = next(iter(self._queue.values()))
            if group and len(waiting.rows) > room:
                break
            del self._queue[waiting.future]
            self._queued_rows -= len(waiting.rows)
            if not waiting.future.done():  # cancelled a moment ago
                group.append(waiting)
                room -= len(waiting.rows)
        return group

    async def _run(self, group: list[_Waiting]) -> None:
        try:
            answer = await self._call(group)
        except UpstreamError as error:
            await self._on_error(group, error)
        except BaseException as error:  # the callers have to hear of a bug and of a shutdown too
            for waiting in group:
                _settle(waiting, error)
            raise
        else:
            start = 0
            for waiting in group:
                stop = start + len(waiting.rows)
                if not waiting.future.done():
                    waiting.record.model_version = answer.model_version
                    waiting.future.set_result(Answer(answer.values[start:stop], answer.model_version))
                start = stop

    async def _call(self, group: list[_Waiting]) -> Answer:
        """Run the model over a group, and take down for each of its requests how that went."""
        rows = group[0].rows if len(group) == 1 else np.concatenate([waiting.rows for waiting in group])
        metrics.BATCH_ROWS.add(len(rows))
        sent = time.perf_counter()
        try:
            return await self._infer(rows, [waiting.record for waiting in group])
        finally:
            answered = time.perf_counter()
            for _, _, record, since in group:
                # One that is asked again by itself has waited only once.
                record.queue = record.queue or (since, sent)
                record.triton = (record.queue[1], answered)
                record.batch_rows = len(rows)

    async def _on_error(self, group: list[_Waiting], error: UpstreamError) -> None:
        """Pass the error on; where Triton refused the call for what is in it, ask again for each request by itself."""
        if len(group) > 1 and type(error) is UpstreamError:
            for waiting in group:
                if not waiting.future.done():  # given up meanwhile
                    await self._run([waiting])
            return
        for waiting in group:
            _settle(waiting, error)


def _settle(waiting: _Waiting, error: BaseException) -> None:
    if waiting.future.done():
        return
    if isinstance(error, asyncio.CancelledError):
        waiting.future.cancel()
    else:
        waiting.future.set_exception(error)
