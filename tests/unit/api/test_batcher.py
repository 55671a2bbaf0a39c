import asyncio
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import Unavailable, UpstreamError
from api.inference.batcher import MicroBatcher
from api.telemetry.request_context import RequestContext


class Scored(NamedTuple):
    values: np.ndarray
    model_version: str


class Backend:
    """Doubles every row; answers when told to."""

    def __init__(self) -> None:
        self.calls: list[np.ndarray] = []
        self.gate = asyncio.Event()
        self.under_way = self.most_under_way = 0

    async def infer(self, rows: np.ndarray, records: list[RequestContext]) -> Scored:
        self.calls.append(rows)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if (rows == 13).any():
            raise UpstreamError("13 can't be doubled")
        if (rows == 99).any():
            raise Unavailable("away")
        return Scored(rows * 2, "1")


def rows(*values: int) -> np.ndarray:
    return np.array(values)[:, None]


def some_record() -> RequestContext:
    return RequestContext("-", 0.0)


def coalescer_of(backend: Backend, capacity: int = 8, max_calls: int = 1, max_queued_rows: int = 1000) -> MicroBatcher:
    return MicroBatcher(backend.infer, capacity=lambda: capacity, max_calls=max_calls, max_queued_rows=max_queued_rows)


async def submitted(batcher: MicroBatcher, *requests: np.ndarray) -> list[asyncio.Task]:
    tasks = [asyncio.create_task(batcher.submit(request, some_record())) for request in requests]
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_request_leaves_at_once():
    backend = Backend()
    (task,) = await submitted(coalescer_of(backend), rows(3))
    await asyncio.sleep(0)
    assert len(backend.calls) == 1
    backend.gate.set()
    assert (await task).values.tolist() == [[6]]


async def test_what_waits_leaves_together_in_order():
    backend = Backend()
    batcher = coalescer_of(backend)
    tasks = await submitted(batcher, rows(1), rows(2), rows(3, 4), rows(5))
    await asyncio.sleep(0)
    backend.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [call[:, 0].tolist() for call in backend.calls] == [[1], [2, 3, 4, 5]]
    assert [answer.values[:, 0].tolist() for answer in answers] == [[2], [4], [6, 8], [10]]


async def test_a_cancelled_request_is_not_sent():
    backend = Backend()
    tasks = await submitted(coalescer_of(backend), rows(1), rows(2), rows(3))
    tasks[1].cancel()
    await asyncio.sleep(0)
    backend.gate.set()
    assert (await tasks[2]).values.tolist() == [[6]]
    assert [call[:, 0].tolist() for call in backend.calls] == [[1], [3]]


async def test_who_gives_up_between_being_taken_and_sent_is_not_sent():
    backend = Backend()
    batcher = coalescer_of(backend)
    tasks = [asyncio.create_task(batcher.submit(rows(value), some_record())) for value in (1, 2)]
    for task in tasks:
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait(tasks)
    assert backend.calls == []
    backend.gate.set()
    assert (await batcher.submit(rows(3), some_record())).values.tolist() == [[6]]


async def test_who_has_given_up_does_not_end_the_gathering():
    backend = Backend()
    batcher = coalescer_of(backend, capacity=4)
    tasks = await submitted(batcher, rows(1), rows(2), rows(3, 4, 5, 6), rows(7))
    await asyncio.sleep(0)
    # In the very turn in which the call is answered, so that the queue still holds the one that has given up.
    backend.gate.set()
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [call[:, 0].tolist() for call in backend.calls] == [[1], [2, 7]]


async def test_the_next_call_leaves_before_the_last_ones_answers_are_handed_out():
    backend = Backend()
    batcher = coalescer_of(backend)
    calls_seen = []

    async def ask(value: int) -> None:
        await batcher.submit(rows(value), some_record())
        calls_seen.append(len(backend.calls))

    tasks = [asyncio.create_task(ask(value)) for value in (1, 2)]
    await asyncio.sleep(0)
    backend.gate.set()
    await asyncio.gather(*tasks)
    assert calls_seen == [2, 2]


async def test_who_gives_up_under_way_does_not_shift_the_neighbours_answers():
    backend = Backend()
    batcher = coalescer_of(backend)
    tasks = await submitted(batcher, rows(1), rows(2), rows(3, 4), rows(5))
    await asyncio.sleep(0)
    backend.gate.set()
    backend.gate.clear()  # only the first call is answered
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(backend.calls) == 2
    tasks[1].cancel()
    await asyncio.sleep(0)
    backend.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answer.values[:, 0].tolist() for answer in (answers[0], *answers[2:])] == [[2], [6, 8], [10]]
    assert isinstance(answers[1], asyncio.CancelledError)


async def test_one_bad_request_does_not_fail_its_neighbours():
    backend = Backend()
    tasks = await submitted(coalescer_of(backend), rows(1), rows(2), rows(13), rows(3))
    backend.gate.set()
    one, two, bad, three = await asyncio.gather(*tasks, return_exceptions=True)
    assert [a.values.tolist() for a in (one, two, three)] == [[[2]], [[4]], [[6]]]
    assert isinstance(bad, UpstreamError)


async def test_a_server_that_is_away_is_asked_once_for_the_whole_call():
    backend = Backend()
    tasks = await submitted(coalescer_of(backend), rows(1), rows(99), rows(2))
    backend.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, Unavailable) for answer in answers] == [False, True, True]
    assert len(backend.calls) == 2


async def test_a_bug_in_the_backend_reaches_every_caller():
    async def broken(batch: np.ndarray, records: list[RequestContext]) -> Scored:
        raise RuntimeError("bug")

    batcher = MicroBatcher(broken, capacity=lambda: 4, max_calls=1, max_queued_rows=4)
    with pytest.raises(RuntimeError):
        await batcher.submit(rows(1), some_record())


async def test_draining_waits_for_the_answers():
    backend = Backend()
    batcher = coalescer_of(backend)
    tasks = await submitted(batcher, rows(1), rows(2))
    draining = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    backend.gate.set()
    await draining
    assert all(task.done() or not task.cancelled() for task in tasks)
    assert len(backend.calls) == 2


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    capacity=st.integers(1, 8),
    max_calls=st.integers(1, 3),
    cancelled=st.sets(st.integers(0, 29)),
    bad=st.sets(st.integers(0, 29)),
)
@settings(max_examples=150, deadline=None)
def test_every_request_gets_its_own_rows_whatever_happens(sizes, capacity, max_calls, cancelled, bad):
    async def story() -> None:
        backend = Backend()
        batcher = coalescer_of(backend, capacity, max_calls)
        requests = [rows(*[13 if i in bad else 1000 * i + j + 100 for j in range(n)]) for i, n in enumerate(sizes)]
        tasks = await submitted(batcher, *requests)
        for i in cancelled & set(range(len(tasks))):
            tasks[i].cancel()
        await asyncio.sleep(0)
        backend.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for i, answer in enumerate(answers):
            if i in cancelled:
                assert isinstance(answer, asyncio.CancelledError)
            elif i in bad:
                assert type(answer) is UpstreamError
            else:
                assert answer.values.tolist() == (requests[i] * 2).tolist()
        assert backend.most_under_way <= max_calls
        assert all(len(call) <= max(capacity, *sizes) for call in backend.calls)
        clean = [c for c in backend.calls if not (c == 13).any()]
        firsts = [c[0, 0] for c in clean]
        if not bad:
            assert firsts == sorted(firsts), "arrival order"

    asyncio.run(story())


async def test_who_gave_up_while_a_refused_call_is_taken_apart_is_not_asked_for_again():
    calls = []
    given_up = []

    async def infer(batch, records):
        calls.append(len(batch))
        if len(batch) > 1:
            given_up[0].cancel()
        raise UpstreamError("no")

    batcher = MicroBatcher(infer, capacity=lambda: 8, max_calls=1, max_queued_rows=8)
    asks = [asyncio.create_task(batcher.submit(rows(i), some_record())) for i in range(4)]
    given_up.append(asks[2])
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamError, UpstreamError, asyncio.CancelledError, UpstreamError]
    # One alone, three together, and then each of those but the one that gave up.
    assert calls == [1, 3, 1, 1]
