import asyncio
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import Overloaded, Unavailable, UpstreamError
from api.inference.batcher import MicroBatcher
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata
from api.inference.lanes import Answer
from api.inference.models import Models
from api.inference.tensors import Tensors
from api.telemetry.request_context import RequestContext


class Backend:
    """Doubles every row; answers when told to."""

    def __init__(self, max_batch_size: int = 8) -> None:
        self.max_batch_size = max_batch_size
        self.requests: list[InferenceRequest] = []
        self.gate = asyncio.Event()
        self.under_way = self.most_under_way = 0

    @property
    def calls(self) -> list[np.ndarray]:
        return [request.inputs["x"] for request in self.requests]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        return ModelMetadata(model, ("1",), "any", (), (), self.max_batch_size)

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        self.requests.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        rows = request.inputs["x"]
        if (rows == 13).any():
            raise UpstreamError("13 can't be doubled")
        if (rows == 99).any():
            raise Unavailable("away")
        return InferenceResult({"y": rows if rows.dtype == object else rows * 2}, request.version or "1")


def rows(*values: int) -> np.ndarray:
    return np.array(values)[:, None]


def some_context() -> RequestContext:
    return RequestContext("-", 0.0)


def asking(values: np.ndarray, **fields: Any) -> InferenceRequest:
    return InferenceRequest("doubler", {"x": values})._replace(**fields)


def doubled(answer: Answer) -> Any:
    return answer.values.outputs["y"]


def batcher_of(backend: Backend, max_calls: int = 1, max_queued_rows: int = 1000) -> MicroBatcher:
    return MicroBatcher(backend, Models(backend), max_calls=max_calls, max_queued_rows=max_queued_rows)


async def known(batcher: MicroBatcher, model: str = "doubler") -> MicroBatcher:
    """Have the model's metadata at hand, as after its first request."""
    await batcher.metadata(model)
    return batcher


async def submitted(batcher: MicroBatcher, *requests: np.ndarray) -> list[asyncio.Task]:
    tasks = [asyncio.create_task(batcher.submit(asking(request), some_context())) for request in requests]
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_request_leaves_at_once():
    backend = Backend()
    (task,) = await submitted(await known(batcher_of(backend)), rows(3))
    await asyncio.sleep(0)
    assert len(backend.calls) == 1
    backend.gate.set()
    assert doubled(await task).tolist() == [[6]]


async def test_what_waits_leaves_together_in_order():
    backend = Backend()
    batcher = await known(batcher_of(backend))
    tasks = await submitted(batcher, rows(1), rows(2), rows(3, 4), rows(5))
    await asyncio.sleep(0)
    backend.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [call[:, 0].tolist() for call in backend.calls] == [[1], [2, 3, 4, 5]]
    assert [doubled(answer)[:, 0].tolist() for answer in answers] == [[2], [4], [6, 8], [10]]


async def test_a_cancelled_request_is_not_sent():
    backend = Backend()
    tasks = await submitted(await known(batcher_of(backend)), rows(1), rows(2), rows(3))
    tasks[1].cancel()
    await asyncio.sleep(0)
    backend.gate.set()
    assert doubled(await tasks[2]).tolist() == [[6]]
    assert [call[:, 0].tolist() for call in backend.calls] == [[1], [3]]


async def test_who_gives_up_between_being_taken_and_sent_is_not_sent():
    backend = Backend()
    batcher = await known(batcher_of(backend))
    tasks = [asyncio.create_task(batcher.submit(asking(rows(value)), some_context())) for value in (1, 2)]
    for task in tasks:
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait(tasks)
    assert backend.calls == []
    backend.gate.set()
    assert doubled(await batcher.submit(asking(rows(3)), some_context())).tolist() == [[6]]


async def test_who_has_given_up_does_not_end_the_gathering():
    backend = Backend(max_batch_size=4)
    batcher = await known(batcher_of(backend))
    tasks = await submitted(batcher, rows(1), rows(2), rows(3, 4, 5, 6), rows(7))
    await asyncio.sleep(0)
    # In the very turn in which the call is answered, so that the queue still holds the one that has given up.
    backend.gate.set()
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [call[:, 0].tolist() for call in backend.calls] == [[1], [2, 7]]


async def test_the_next_call_leaves_before_the_last_ones_answers_are_handed_out():
    backend = Backend()
    batcher = await known(batcher_of(backend))
    calls_seen = []

    async def ask(value: int) -> None:
        await batcher.submit(asking(rows(value)), some_context())
        calls_seen.append(len(backend.calls))

    tasks = [asyncio.create_task(ask(value)) for value in (1, 2)]
    await asyncio.sleep(0)
    backend.gate.set()
    await asyncio.gather(*tasks)
    assert calls_seen == [2, 2]


async def test_who_gives_up_under_way_does_not_shift_the_neighbours_answers():
    backend = Backend()
    batcher = await known(batcher_of(backend))
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
    assert [doubled(answer)[:, 0].tolist() for answer in (answers[0], *answers[2:])] == [[2], [6, 8], [10]]
    assert isinstance(answers[1], asyncio.CancelledError)


async def test_one_bad_request_does_not_fail_its_neighbours():
    backend = Backend()
    tasks = await submitted(await known(batcher_of(backend)), rows(1), rows(2), rows(13), rows(3))
    backend.gate.set()
    one, two, bad, three = await asyncio.gather(*tasks, return_exceptions=True)
    assert [doubled(a).tolist() for a in (one, two, three)] == [[[2]], [[4]], [[6]]]
    assert isinstance(bad, UpstreamError)


async def test_a_server_that_is_away_is_asked_once_for_the_whole_call():
    backend = Backend()
    tasks = await submitted(await known(batcher_of(backend)), rows(1), rows(99), rows(2))
    backend.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, Unavailable) for answer in answers] == [False, True, True]
    assert len(backend.calls) == 2


async def test_a_bug_in_the_client_reaches_every_caller(monkeypatch):
    backend = Backend()

    async def broken(*args: object, **kwargs: object) -> InferenceResult:
        raise RuntimeError("bug")

    monkeypatch.setattr(backend, "infer", broken)
    tasks = await submitted(await known(batcher_of(backend)), rows(1), rows(2), rows(3))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError] * 3


async def test_a_bug_in_a_decoder_reaches_only_the_request_that_it_is_about():
    backend = Backend()
    batcher = await known(batcher_of(backend))

    def decode(outputs: Tensors) -> list[int]:
        if (outputs["y"] == 4).any():
            raise RuntimeError("bug")
        return outputs["y"][:, 0].tolist()

    tasks = [asyncio.create_task(batcher.submit(asking(rows(i)), some_context(), decode)) for i in range(4)]
    backend.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answer if isinstance(answer, RuntimeError) else answer.values for answer in answers][:2] == [[0], [2]]
    assert isinstance(answers[2], RuntimeError)
    assert answers[3].values == [6]


async def test_draining_waits_for_the_answers():
    backend = Backend()
    batcher = await known(batcher_of(backend))
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
        backend = Backend(capacity)
        batcher = await known(batcher_of(backend, max_calls))
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
                assert doubled(answer).tolist() == (requests[i] * 2).tolist()
        assert backend.most_under_way <= max_calls or max(sizes) > capacity
        assert all(len(call) <= capacity for call in backend.calls)
        clean = [c for c in backend.calls if not (c == 13).any()]
        firsts = [c[0, 0] for c in clean]
        if not bad and max(sizes) <= capacity:
            assert firsts == sorted(firsts), "arrival order"

    asyncio.run(story())


async def test_a_request_cancelled_while_a_refused_call_is_taken_apart_is_not_asked_again(monkeypatch):
    backend = Backend()
    calls = []
    given_up = []

    async def infer(request: InferenceRequest, *_: object, **__: object) -> InferenceResult:
        batch = request.inputs["x"]
        calls.append(len(batch))
        if len(batch) > 1:
            given_up[0].cancel()
        raise UpstreamError("no")

    monkeypatch.setattr(backend, "infer", infer)
    asks = await submitted(await known(batcher_of(backend)), *(rows(i) for i in range(4)))
    given_up.append(asks[2])
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(result) for result in results] == [UpstreamError, UpstreamError, asyncio.CancelledError, UpstreamError]
    # One alone, three together, and then each of those but the one that gave up.
    assert calls == [1, 3, 1, 1]


UNLIKE = {
    "dtype": asking(rows(5).astype(np.int32)),
    "row shape": asking(np.array([[5, 6]])),
    "rank": asking(np.array([[[5]]])),
    "version": asking(rows(5), version="2"),
    "outputs": asking(rows(5), outputs=("y",)),
    "model": asking(rows(5), model="another"),
    "strings": asking(np.array([[b"five"]], object)),
    "a further input": asking(rows(5), inputs={"x": rows(5), "z": rows(5)}),
}


@pytest.mark.parametrize("difference", UNLIKE)
async def test_requests_that_are_not_alike_never_share_a_call_nor_wait_for_one_another(difference):
    backend = Backend()
    batcher = await known(await known(batcher_of(backend)), "another")
    await batcher.metadata("doubler", "2")
    other = UNLIKE[difference]
    asks = [asking(rows(1)), other, asking(rows(2)), other, asking(rows(3))]
    tasks = [asyncio.create_task(batcher.submit(ask, some_context())) for ask in asks]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert backend.under_way == 2, "one call a lane, both at once"
    backend.gate.set()
    answers = await asyncio.gather(*tasks)
    for ask, answer in zip(asks, answers, strict=True):
        x = ask.inputs["x"]
        assert doubled(answer).tolist() == (x if x.dtype == object else x * 2).tolist()
        assert doubled(answer).dtype == x.dtype, "never cast"
        assert answer.model_version == (ask.version or "1")


async def test_a_lane_whose_calls_fail_costs_its_neighbours_nothing():
    backend = Backend()
    batcher = await known(batcher_of(backend))
    good, bad = asking(rows(1)), asking(np.array([[13, 13]]))
    tasks = [asyncio.create_task(batcher.submit(ask, some_context())) for ask in (good, bad, good, bad, good)]
    await asyncio.sleep(0)
    backend.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, UpstreamError) for answer in answers] == [False, True, False, True, False]
    assert len([call for call in backend.calls if call.shape[1] == 1]) == 2, "no call of the good lane was repeated"


async def test_an_unbatched_model_is_asked_one_request_a_call_and_all_at_once():
    backend = Backend(max_batch_size=0)
    batcher = await known(batcher_of(backend, max_calls=1))
    scalar, vector = np.array(5), np.array([1, 2, 3])
    tasks = await submitted(batcher, scalar, vector, vector)
    await asyncio.sleep(0)
    assert backend.under_way == 3
    backend.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [doubled(answer).tolist() for answer in answers] == [10, [2, 4, 6], [2, 4, 6]]


async def test_an_idle_lane_is_dropped():
    backend = Backend()
    batcher = await known(batcher_of(backend))
    tasks = await submitted(batcher, *(np.zeros((1, width)) for width in range(1, 20)), rows(1), rows(2))
    assert len(batcher._lanes) == 20
    tasks[-1].cancel()
    backend.gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    await batcher.drain()
    assert not len(batcher._lanes)
    assert batcher._queued_rows == batcher._queued_requests == 0


async def test_a_request_with_more_rows_than_a_call_may_carry_is_split_and_put_together():
    backend = Backend(max_batch_size=4)
    (task,) = await submitted(await known(batcher_of(backend)), rows(*range(100, 110)))
    backend.gate.set()
    assert doubled(await task)[:, 0].tolist() == list(range(200, 220, 2))
    assert sorted(len(call) for call in backend.calls) == [2, 4, 4]


@pytest.mark.parametrize(
    "inputs", [{}, {"x": np.array(1)}, {"x": np.zeros((0, 1))}, {"x": rows(1), "z": rows(1, 2)}], ids=str
)
async def test_inputs_without_a_common_number_of_rows_are_refused(inputs):
    backend = Backend()
    with pytest.raises(ValueError, match="same number of rows"):
        await batcher_of(backend).submit(asking(rows(1), inputs=inputs), some_context())
    assert not backend.requests


async def test_an_answer_with_another_number_of_rows_is_no_answer(monkeypatch):
    backend = Backend()

    async def torn(request: InferenceRequest, *_: object, **__: object) -> InferenceResult:
        return InferenceResult({"y": np.zeros((1, 1))}, "1")

    monkeypatch.setattr(backend, "infer", torn)
    with pytest.raises(UpstreamError, match="2 rows"):
        await batcher_of(backend).submit(asking(rows(1, 2)), some_context())


async def test_a_decoder_whose_answers_can_not_be_sliced_fails_each_request_at_once():
    def decode(outputs: Tensors) -> Any:
        return dict.fromkeys(range(len(outputs["y"])))

    backend = Backend()
    batcher = await known(batcher_of(backend))
    asked = [asyncio.create_task(batcher.submit(asking(rows(value)), some_context(), decode)) for value in range(4)]
    await asyncio.sleep(0)
    backend.gate.set()
    async with asyncio.timeout(1):
        alone, *together = await asyncio.gather(*asked, return_exceptions=True)
    assert list(alone.values) == [0]
    assert [type(outcome) for outcome in together] == [TypeError] * 3


async def test_calls_of_one_request_each_are_bounded_and_the_rest_waits(monkeypatch):
    monkeypatch.setattr("api.inference.batcher._MAX_SINGLE_CALLS", 3)
    backend = Backend(max_batch_size=0)
    batcher = await known(batcher_of(backend, max_queued_rows=5))
    tasks = await submitted(batcher, *[rows(value) for value in range(8)])
    await asyncio.sleep(0)
    assert len(backend.calls) == 3
    with pytest.raises(Overloaded):
        await batcher.submit(asking(rows(8)), some_context())
    backend.gate.set()
    answers = await asyncio.gather(*tasks)
    assert [doubled(answer).tolist() for answer in answers] == [[[2 * value]] for value in range(8)]
    assert backend.most_under_way == 3
