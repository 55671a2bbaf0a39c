"""Concurrent requests of one worker go to Triton as one call.

A call costs far more than a row: gRPC, protobuf and the event loop are paid once a call. While ``max_calls`` calls are
under way, what arrives waits and leaves together as soon as one of them is back; with a free place it leaves at once,
so that a lone client waits for nobody. The queue is bounded, and whoever gives up leaves it at once. The next call
leaves before the answers of the last are handed out, for writing those to a hundred clients takes milliseconds.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.errors import Overloaded, UpstreamError
from api.telemetry import metrics
from api.telemetry.request_context import RequestContext


class Answer(NamedTuple):
    """What the model said to the rows of a call, or to those of one request in it."""

    values: Sequence[Any]  # one a row, in the rows' order; an array does as well
    model_version: str


class _Waiting(NamedTuple):
    rows: NDArray[Any]
    future: asyncio.Future[Answer]
    record: RequestContext
    since: float  # by time.perf_counter


class MicroBatcher:
    """Gathers rows and sends them together; lives in one event loop.

    Args:
        infer: Runs the model over the ``(N, …)`` rows of some requests.
        capacity: Returns the most rows that one call should carry, ≥ 1.
        max_calls: Most calls under way at a time, ≥ 1.
        max_queued_rows: Most rows that wait for a call, ≥ 1; more wait only if they come in one request.
    """

    def __init__(
        self,
        infer: Callable[[NDArray[Any], Sequence[RequestContext]], Awaitable[Answer]],
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
        self._calls = 0  # under way
        self._tasks: set[asyncio.Task[None]] = set()  # that make the calls, and hand out what comes of them

    async def submit(self, rows: NDArray[Any], record: RequestContext) -> Answer:
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
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _send(self) -> None:
        while self._calls < self._max_calls and (group := self._take()):
            self._calls += 1
            task = asyncio.create_task(self._serve(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        metrics.QUEUED.value = len(self._queue)

    def _take(self) -> list[_Waiting]:
        """Take the oldest requests that fit into one call together, leaving out those nobody waits for any more."""
        group: list[_Waiting] = []
        room = self._capacity()
        while self._queue:
            waiting = next(iter(self._queue.values()))
            is_wanted = not waiting.future.done()  # else cancelled a moment ago
            if is_wanted and group and len(waiting.rows) > room:
                break
            del self._queue[waiting.future]
            self._queued_rows -= len(waiting.rows)
            if is_wanted:
                group.append(waiting)
                room -= len(waiting.rows)
        return group

    async def _serve(self, taken: list[_Waiting]) -> None:
        """Make the call for a group, give its place to the next, and hand out the answers."""
        group = [waiting for waiting in taken if not waiting.future.done()]  # cancelled since
        answer = None
        try:
            if group:
                answer = await self._ask(group)
        except BaseException as error:  # the callers have to hear of a bug and of a shutdown too
            for waiting in group:
                _settle(waiting, error)
            raise
        finally:
            self._calls -= 1
            self._send()
        if answer is not None:
            _hand_out(group, answer)

    async def _ask(self, group: list[_Waiting]) -> Answer | None:
        """Return the answer to a group, or None where everybody in it has been told already.

        Where Triton refused the call for what is in it, each request is asked again by itself.
        """
        try:
            return await self._call(group)
        except UpstreamError as error:
            if len(group) > 1 and type(error) is UpstreamError:
                await self._ask_singly(group)
            else:
                for waiting in group:
                    _settle(waiting, error)
        return None

    async def _ask_singly(self, group: list[_Waiting]) -> None:
        for waiting in group:
            if waiting.future.done():  # given up meanwhile
                continue
            try:
                _hand_out([waiting], await self._call([waiting]))
            except UpstreamError as error:
                _settle(waiting, error)

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


def _hand_out(group: list[_Waiting], answer: Answer) -> None:
    """Give each request of a group its rows of the answer."""
    start = 0
    for waiting in group:
        stop = start + len(waiting.rows)
        if not waiting.future.done():
            waiting.record.model_version = answer.model_version
            waiting.future.set_result(Answer(answer.values[start:stop], answer.model_version))
        start = stop


def _settle(waiting: _Waiting, error: BaseException) -> None:
    if waiting.future.done():
        return
    if isinstance(error, asyncio.CancelledError):
        waiting.future.cancel()
    else:
        waiting.future.set_exception(error)
