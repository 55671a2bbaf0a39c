import asyncio

import numpy as np
import pytest

from api.drain import Drain
from api.errors import DeadlineExceeded, Draining, InternalError, Unavailable, UpstreamError
from api.inference.client import InferenceResult
from api.inference.models import Models
from api.inference.readiness import Readiness
from api.settings import Settings
from api.tasks.digits import Digits
from api.tasks.digits.tensors import OUTPUT

CANARIES = [Digits(Settings()).canary()]
READY = {"mnist_cnn": "7"}
FOREVER = Settings(ready_ttl_s=60)
NOT_KEPT = Settings(ready_ttl_s=0)


async def test_the_answer_is_kept_for_a_moment(backend):
    readiness = Readiness(backend, Models(backend), CANARIES, FOREVER, Drain())
    assert await readiness.check() == READY
    backend.error = Unavailable("away")
    assert await readiness.check() == READY
    assert backend.canaries == 1


async def test_without_a_canary_the_server_itself_has_to_answer(backend, monkeypatch):
    readiness = Readiness(backend, Models(backend), [], NOT_KEPT, Drain())
    assert await readiness.check() == {}

    async def away():
        raise Unavailable("away")

    monkeypatch.setattr(backend, "server", away)
    with pytest.raises(Unavailable):
        await readiness.check()


async def test_metadata_that_do_not_come_count_against_the_canary_s_time(backend, monkeypatch):
    async def hangs(model, version=""):
        await asyncio.sleep(60)

    monkeypatch.setattr(backend, "metadata", hangs)
    readiness = Readiness(backend, Models(backend), CANARIES, Settings(ready_deadline_s=0.05), Drain())
    async with asyncio.timeout(1):
        with pytest.raises(DeadlineExceeded, match=r"0\.05 s"):
            await readiness.check()


async def test_an_error_is_kept_too_and_its_traceback_does_not_grow(backend):
    backend.error = Unavailable("away", retry_after_s=1)
    readiness = Readiness(backend, Models(backend), CANARIES, FOREVER, Drain())
    lengths = set()
    for _ in range(3):
        with pytest.raises(Unavailable) as raised:
            await readiness.check()
        assert raised.value.retry_after_s == 1
        lengths.add(len(raised.traceback))
    assert backend.canaries == 1
    assert len(lengths) == 1


async def test_it_is_ready_again_as_soon_as_the_model_answers(backend):
    readiness = Readiness(backend, Models(backend), CANARIES, NOT_KEPT, Drain())
    backend.error = Unavailable("away")
    with pytest.raises(Unavailable):
        await readiness.check()
    backend.error = None
    assert await readiness.check() == READY


async def test_a_model_that_reads_the_canary_wrong_is_not_ready(backend, monkeypatch):
    async def wrong(request, **kwargs):
        return InferenceResult({OUTPUT: np.eye(10, dtype=np.float32)[[8]]}, "7")

    monkeypatch.setattr(backend, "infer", wrong)
    with pytest.raises(UpstreamError, match="as 8"):
        await Readiness(backend, Models(backend), CANARIES, FOREVER, Drain()).check()


async def test_while_triton_hangs_there_is_one_canary_whoever_asks_and_hangs_up(backend):
    readiness = Readiness(backend, Models(backend), CANARIES, NOT_KEPT, Drain())
    backend.gate.clear()
    probes = [asyncio.create_task(readiness.check()) for _ in range(50)]
    for _ in range(5):  # turns of the loop
        await asyncio.sleep(0)
    for probe in probes[:49]:
        probe.cancel()
    await asyncio.gather(*probes[:49], return_exceptions=True)
    assert backend.canaries == 1
    backend.gate.set()
    assert await probes[49] == READY


async def test_the_watch_asks_though_nobody_else_does(backend):
    readiness = Readiness(backend, Models(backend), CANARIES, FOREVER, Drain())
    async with readiness.watched():
        for _ in range(10):  # turns of the loop
            await asyncio.sleep(0)
    assert await readiness.check() == READY
    assert backend.canaries == 1


async def test_a_bug_is_not_ready_and_tells_nothing_of_the_inside(backend):
    backend.error = RuntimeError("secret")
    with pytest.raises(InternalError) as raised:
        await Readiness(backend, Models(backend), CANARIES, FOREVER, Drain()).check()
    assert "secret" not in raised.value.message


async def test_a_worker_that_is_replaced_stays_ready_and_one_that_stops_with_all_does_not(backend):
    drain = Drain()
    readiness = Readiness(backend, Models(backend), CANARIES, FOREVER, drain)
    stopping = False
    drain.begin(lambda: stopping)
    assert await readiness.check() == READY
    stopping = True
    with pytest.raises(Draining):
        await readiness.check()
