"""The batcher against a model of its lanes: whatever happens in whatever order, both have the same calls under way.

The event loop is turned by hand: each rule does something, then the loop runs until nothing is left to be done but to
wait for the model's answers, which are a rule's to give.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from api.errors import Overloaded, Unavailable, UpstreamError
from api.inference.batcher import MicroBatcher
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata
from api.inference.lanes import Answer
from api.inference.models import Models
from api.telemetry.request_context import RequestContext

SIZES = st.integers(1, 6)
# Requests of different lanes: rows of another dtype, of another length, for another version.
LANES = st.integers(0, 2)
DTYPES, WIDTHS, VERSIONS = (np.int64, np.int32, np.int64), (2, 2, 3), ("", "", "2")
TURNS = 30  # more than any rule needs


@dataclass(eq=False)
class Call:
    """A call that the model has yet to answer: the requests in it, and those that are asked singly after it."""

    lane: int
    requests: list[int]
    rest: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Pending:
    """The same call as the batcher made it."""

    rows: np.ndarray  # (N, 2 or 3): request and row
    future: asyncio.Future[None]
    version: str = ""

    @property
    def requests(self) -> list[int]:
        return list(dict.fromkeys(self.rows[:, 0].tolist()))


class Client:
    """Asks the machine."""

    def __init__(self, machine: "BatcherMachine") -> None:
        self.machine = machine

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        return ModelMetadata(model, ("1", "2"), "any", (), (), self.machine.capacity)

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        return await self.machine.infer(request, contexts)


class BatcherMachine(RuleBasedStateMachine):
    """``queues`` and ``calls`` are the model; ``tasks`` and ``pending`` are what really happens."""

    @initialize(capacity=st.integers(6, 9), max_calls=st.integers(1, 3), max_queued_rows=st.integers(1, 12))
    def begin(self, capacity: int, max_calls: int, max_queued_rows: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.capacity, self.max_calls, self.max_queued_rows = capacity, max_calls, max_queued_rows
        client = Client(self)
        self.batcher = MicroBatcher(client, Models(client), max_calls=max_calls, max_queued_rows=max_queued_rows)
        for version in ("", "2"):
            self.loop.run_until_complete(self.batcher.metadata("m", version))
        self.sizes: list[int] = []
        self.lanes: list[int] = []  # of each request
        self.queues: dict[int, list[int]] = {0: [], 1: [], 2: []}
        self.calls: list[Call] = []
        self.outcomes: dict[int, type[BaseException] | None] = {}  # None: its own rows, doubled
        self.tasks: list[asyncio.Task[Answer]] = []
        self.pending: list[Pending] = []
        self.sent: list[int] = []  # in the order of their first time

    async def infer(self, request: InferenceRequest, contexts: Sequence[RequestContext]) -> InferenceResult:
        rows = request.inputs["x"]
        call = Pending(rows, self.loop.create_future(), request.version)
        assert len(contexts) == len(call.requests)
        assert len(rows) <= self.capacity, "more rows than a call may carry"
        for one in call.requests:
            lane = self.lanes[one]
            assert (rows.dtype, rows.shape[1], request.version) == (DTYPES[lane], WIDTHS[lane], VERSIONS[lane])
        self.sent += [one for one in call.requests if one not in self.sent]
        self.pending.append(call)
        try:
            await call.future
        finally:
            self.pending.remove(call)
        return InferenceResult({"x": rows * 2}, "1")

    def turn(self) -> None:
        async def turns() -> None:
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    # What the model does.

    def expect_submitted(self, request: int) -> None:
        waiting = sum(self.sizes[one] for queue in self.queues.values() for one in queue)
        if waiting and waiting + self.sizes[request] > self.max_queued_rows:
            self.outcomes[request] = Overloaded
            return
        lane = self.lanes[request]
        self.queues[lane].append(request)
        self.expect_sent(lane)

    def calls_of(self, lane: int) -> list[Call]:
        return [call for call in self.calls if call.lane == lane]

    def expect_sent(self, lane: int) -> None:
        queue = self.queues[lane]
        while queue and len(self.calls_of(lane)) < self.max_calls:
            group: list[int] = []
            room = self.capacity
            # Given up in this very turn: it isn't sent, nor does it end the call for which it is too large.
            while queue and (queue[0] in self.outcomes or not group or self.sizes[queue[0]] <= room):
                request = queue.pop(0)
                if request not in self.outcomes:
                    group.append(request)
                    room -= self.sizes[request]
            if group:
                self.calls.append(Call(lane, group))

    def expect_answered(self, call: Call, error: type[UpstreamError] | None) -> None:
        self.calls.remove(call)
        if error is UpstreamError and len(call.requests) > 1:
            # One of its requests is at fault: each is asked by itself, in the same place.
            call = Call(call.lane, [], call.requests)
        for request in call.requests:
            self.outcomes.setdefault(request, error)
        rest = [request for request in call.rest if request not in self.outcomes]
        if rest:
            self.calls.append(Call(call.lane, rest[:1], rest[1:]))
        else:
            self.expect_sent(call.lane)

    # What happens.

    @rule(asks=st.lists(st.tuples(SIZES, LANES), min_size=1, max_size=6))
    def submit(self, asks: list[tuple[int, int]]) -> None:
        """Requests come in within one turn of the loop."""
        for size, lane in asks:
            self.start(size, lane)
            self.expect_submitted(len(self.sizes) - 1)
        self.turn()

    def start(self, size: int, lane: int) -> None:
        request = len(self.sizes)
        self.sizes.append(size)
        self.lanes.append(lane)
        rows = np.zeros((size, WIDTHS[lane]), DTYPES[lane])
        rows[:, 0], rows[:, 1] = request, range(size)
        ask = InferenceRequest("m", {"x": rows}, VERSIONS[lane])
        self.tasks.append(self.loop.create_task(self.batcher.submit(ask, RequestContext(str(request), 0.0))))

    @rule(size=SIZES, lane=LANES)
    def submit_and_give_up_at_once(self, size: int, lane: int) -> None:
        self.start(size, lane)
        self.tasks[-1].cancel()
        self.outcomes[len(self.sizes) - 1] = asyncio.CancelledError
        self.turn()

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), error=st.sampled_from([None, None, UpstreamError, Unavailable]))
    def answer(self, data: st.DataObject, error: type[UpstreamError] | None) -> None:
        """The model answers a call, refuses it for what is in it, or is away."""
        self.give(data.draw(st.sampled_from(self.calls)), error)
        self.turn()

    def give(self, call: Call, error: type[UpstreamError] | None) -> None:
        future = self.real(call).future
        self.expect_answered(call, error)
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error("no"))

    def real(self, call: Call) -> Pending:
        (real,) = [one for one in self.pending if one.requests == call.requests]
        return real

    def waiting(self) -> list[int]:
        return [one for queue in self.queues.values() for one in queue]

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def give_up_in_the_queue(self, data: st.DataObject) -> None:
        self.give_up(data.draw(st.sampled_from(self.waiting())))
        self.turn()

    @precondition(lambda self: self.waiting())
    @rule(data=st.data(), turns=st.integers(0, 4))
    def give_up_in_the_queue_as_a_call_comes_back(self, data: st.DataObject, turns: int) -> None:
        """A request that isn't in the call that is sent next by then must not get into it."""
        request = data.draw(st.sampled_from(self.waiting()))
        call = data.draw(st.sampled_from(self.calls_of(self.lanes[request])))
        self.real(call).future.set_result(None)
        for _ in range(turns):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()  # one turn
        queues = [lane.queue for lane in self.batcher._lanes._lanes.values()]
        waits = any(one.context.request_id == str(request) for queue in queues for one in queue.values())
        if waits:
            self.give_up(request)
            self.expect_answered(call, None)
        else:
            self.expect_answered(call, None)
            self.give_up(request)
            if request not in self.sent:
                self.expect_taken_but_not_sent(request)
        self.turn()

    def expect_taken_but_not_sent(self, request: int) -> None:
        """Its place in the call stays empty, and the call isn't made if it has no other request."""
        (call,) = [one for one in self.calls if request in one.requests]
        call.requests.remove(request)
        if not call.requests:
            self.calls.remove(call)
            self.expect_sent(call.lane)

    @precondition(lambda self: any(set(call.requests + call.rest) - self.outcomes.keys() for call in self.calls))
    @rule(data=st.data())
    def give_up_under_way(self, data: st.DataObject) -> None:
        """Its rows are with the model already: its neighbours' answers mustn't shift, nor is it asked about again."""
        open_ones = [one for call in self.calls for one in call.requests + call.rest if one not in self.outcomes]
        self.give_up(data.draw(st.sampled_from(open_ones)))
        self.turn()

    def give_up(self, request: int) -> None:
        self.tasks[request].cancel()
        self.outcomes[request] = asyncio.CancelledError
        queue = self.queues[self.lanes[request]]
        if request in queue:
            queue.remove(request)

    def is_under_way(self) -> bool:
        """Say whether the batcher has made the calls that the model has."""
        return sorted(call.requests for call in self.pending) == sorted(call.requests for call in self.calls)

    # What always holds.

    @invariant()
    def the_same_calls_are_under_way(self) -> None:
        assert self.is_under_way()
        for lane, queue in self.queues.items():
            calls = len([call for call in self.pending if self.lanes[call.requests[0]] == lane])
            assert calls <= self.max_calls
            assert not queue or calls == self.max_calls, "a request waits though its lane may make a call"

    @invariant()
    def only_busy_lanes_are_kept(self) -> None:
        busy = {call.lane for call in self.calls} | {lane for lane, queue in self.queues.items() if queue}
        assert len(self.batcher._lanes) == len(busy)

    @invariant()
    def first_come_first_sent(self) -> None:
        for lane in self.queues:
            sent = [request for request in self.sent if self.lanes[request] == lane]
            assert sent == sorted(sent)

    @invariant()
    def each_request_has_its_outcome_and_no_other(self) -> None:
        assert {i for i, task in enumerate(self.tasks) if task.done()} == self.outcomes.keys()
        for request, outcome in self.outcomes.items():
            task = self.tasks[request]
            if outcome is asyncio.CancelledError:
                assert task.cancelled()
            elif outcome is not None:
                assert type(task.exception()) is outcome
            else:
                lane, values = self.lanes[request], task.result().values.outputs["x"]
                wanted = [[2 * request, 2 * row, 0][: WIDTHS[lane]] for row in range(self.sizes[request])]
                assert (values.tolist(), values.dtype) == (wanted, DTYPES[lane])

    def teardown(self) -> None:
        """Drain, with all that still waits: no request is lost."""
        if not hasattr(self, "loop"):
            return
        draining = self.loop.create_task(self.batcher.drain())
        self.turn()
        while self.calls:
            assert not draining.done()
            self.give(self.calls[0], None)
            self.turn()
            self.the_same_calls_are_under_way()
        assert draining.done()
        self.each_request_has_its_outcome_and_no_other()
        assert len(self.outcomes) == len(self.tasks)
        self.loop.close()


BatcherMachine.TestCase.settings = settings(
    # The same runs each time: what is held against every change must not depend on luck.
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
)
# A failure is made as small as it can be first, which takes minutes.
TestBatcher = pytest.mark.timeout(600)(BatcherMachine.TestCase)
