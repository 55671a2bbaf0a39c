"""The batcher against a model of its queue: whatever happens in whatever order, both have the same calls under way.

The event loop is turned by hand: each rule does something, then the loop runs until nothing is left to be done but to
wait for the model's answers, which are a rule's to give.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from api.errors import Overloaded, Unavailable, UpstreamError
from api.inference.batcher import Answer, MicroBatcher
from api.telemetry.request_context import RequestContext

SIZES = st.integers(1, 6)
TURNS = 30  # more than any rule needs


@dataclass(eq=False)
class Call:
    """A call that the model has yet to answer: whose rows it carries, and who is asked about singly after it."""

    requests: list[int]
    rest: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Pending:
    """The same call as the batcher made it."""

    rows: np.ndarray  # (N, 2): request and row
    future: asyncio.Future[None]

    @property
    def requests(self) -> list[int]:
        return list(dict.fromkeys(self.rows[:, 0].tolist()))


class CoalescerMachine(RuleBasedStateMachine):
    """``queue`` and ``calls`` are the model; ``tasks`` and ``pending`` are what really happens."""

    @initialize(capacity=st.integers(1, 8), max_calls=st.integers(1, 3), max_queued_rows=st.integers(1, 12))
    def begin(self, capacity: int, max_calls: int, max_queued_rows: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.capacity, self.max_calls, self.max_queued_rows = capacity, max_calls, max_queued_rows
        self.batcher = MicroBatcher(
            self.infer, capacity=lambda: self.capacity, max_calls=max_calls, max_queued_rows=max_queued_rows
        )
        self.sizes: list[int] = []
        self.queue: list[int] = []
        self.calls: list[Call] = []
        self.outcomes: dict[int, type[BaseException] | None] = {}  # None: its own rows, doubled
        self.tasks: list[asyncio.Task[Answer]] = []
        self.pending: list[Pending] = []
        self.sent: list[int] = []  # in the order of their first time

    async def infer(self, rows: np.ndarray, records: Sequence[RequestContext]) -> Answer:
        call = Pending(rows, self.loop.create_future())
        assert len(records) == len(call.requests)
        assert len(rows) <= self.capacity or len(call.requests) == 1, "more rows than a call may carry"
        self.sent += [request for request in call.requests if request not in self.sent]
        self.pending.append(call)
        try:
            await call.future
        finally:
            self.pending.remove(call)
        return Answer(rows * 2, "1")

    def turn(self) -> None:
        async def turns() -> None:
            for _ in range(TURNS):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    # What the model does.

    def expect_submitted(self, request: int) -> None:
        waiting = sum(self.sizes[one] for one in self.queue)
        if self.queue and waiting + self.sizes[request] > self.max_queued_rows:
            self.outcomes[request] = Overloaded
            return
        self.queue.append(request)
        self.expect_sent()

    def expect_sent(self) -> None:
        while self.queue and len(self.calls) < self.max_calls:
            group: list[int] = []
            room = self.capacity
            # Given up in this very turn: it isn't sent, nor does it end the call for which it is too large.
            while self.queue and (self.queue[0] in self.outcomes or not group or self.sizes[self.queue[0]] <= room):
                request = self.queue.pop(0)
                if request not in self.outcomes:
                    group.append(request)
                    room -= self.sizes[request]
            if group:
                self.calls.append(Call(group))

    def expect_answered(self, call: Call, error: type[UpstreamError] | None) -> None:
        self.calls.remove(call)
        if error is UpstreamError and len(call.requests) > 1:
            # Somebody in it is at fault: each is asked about by itself, in the same place.
            call = Call([], call.requests)
        for request in call.requests:
            self.outcomes.setdefault(request, error)
        rest = [request for request in call.rest if request not in self.outcomes]
        if rest:
            self.calls.append(Call(rest[:1], rest[1:]))
        else:
            self.expect_sent()

    # What happens.

    @rule(sizes=st.lists(SIZES, min_size=1, max_size=6))
    def submit(self, sizes: list[int]) -> None:
        """Requests come in within one turn of the loop."""
        for size in sizes:
            self.start(size)
            self.expect_submitted(len(self.sizes) - 1)
        self.turn()

    def start(self, size: int) -> None:
        request = len(self.sizes)
        self.sizes.append(size)
        rows = np.array([[request, row] for row in range(size)])
        self.tasks.append(self.loop.create_task(self.batcher.submit(rows, RequestContext(str(request), 0.0))))

    @rule(size=SIZES)
    def submit_and_give_up_at_once(self, size: int) -> None:
        self.start(size)
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

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def give_up_in_the_queue(self, data: st.DataObject) -> None:
        self.give_up(data.draw(st.sampled_from(self.queue)))
        self.turn()

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), turns=st.integers(0, 4))
    def give_up_in_the_queue_as_a_call_comes_back(self, data: st.DataObject, turns: int) -> None:
        """Who isn't in the call that leaves next by then must not get into it."""
        request, call = data.draw(st.sampled_from(self.queue)), data.draw(st.sampled_from(self.calls))
        self.real(call).future.set_result(None)
        for _ in range(turns):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()  # one turn
        waits = any(waiting.record.request_id == str(request) for waiting in self.batcher._queue.values())
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
        """Its place in the call stays empty, and the call doesn't happen if nobody else is in it."""
        (call,) = [one for one in self.calls if request in one.requests]
        call.requests.remove(request)
        if not call.requests:
            self.calls.remove(call)
            self.expect_sent()

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
        if request in self.queue:
            self.queue.remove(request)

    @rule(capacity=st.integers(1, 8))
    def the_model_changes(self, capacity: int) -> None:
        """Another version may take batches of another size."""
        self.capacity = capacity

    def is_under_way(self) -> bool:
        """Say whether the batcher has made the calls that the model has."""
        return sorted(call.requests for call in self.pending) == sorted(call.requests for call in self.calls)

    # What always holds.

    @invariant()
    def the_same_calls_are_under_way(self) -> None:
        assert self.is_under_way()
        assert len(self.pending) <= self.max_calls
        assert not self.queue or len(self.pending) == self.max_calls, "somebody waits beside a free place"

    @invariant()
    def first_come_first_sent(self) -> None:
        assert self.sent == sorted(self.sent)

    @invariant()
    def everybody_has_what_is_due_and_nobody_else_anything(self) -> None:
        assert {i for i, task in enumerate(self.tasks) if task.done()} == self.outcomes.keys()
        for request, outcome in self.outcomes.items():
            task = self.tasks[request]
            if outcome is asyncio.CancelledError:
                assert task.cancelled()
            elif outcome is not None:
                assert type(task.exception()) is outcome
            else:
                wanted = [[2 * request, 2 * row] for row in range(self.sizes[request])]
                assert task.result().values.tolist() == wanted

    def teardown(self) -> None:
        """Drain, with whatever still waits: nobody is lost."""
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
        self.everybody_has_what_is_due_and_nobody_else_anything()
        assert len(self.outcomes) == len(self.tasks)
        self.loop.close()


CoalescerMachine.TestCase.settings = settings(
    # The same runs each time: what is held against every change must not depend on luck.
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
)
# A failure is made as small as it can be first, which takes minutes.
TestCoalescer = pytest.mark.timeout(600)(CoalescerMachine.TestCase)
