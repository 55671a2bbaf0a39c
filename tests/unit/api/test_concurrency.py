"""The concurrency limit, deadlines, and requests whose client has disconnected."""

import asyncio
import time
from typing import Any

import pytest
from prometheus_client import REGISTRY

from api.app import create_app
from api.limits import concurrency
from api.settings import Settings
from tests.unit.api.fakes import Connection, as_base64, encoded, marked

IMAGE = encoded(marked(4))


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(concurrency, "CHECK_PERIOD_S", 0.02)


@pytest.fixture
async def app(backend):
    app = create_app(Settings(ready_ttl_s=0, max_calls=1), client=backend)
    async with app.router.lifespan_context(app):
        yield app


async def until(condition, within_s: float = 5) -> None:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within_s
        await asyncio.sleep(0.005)


def refusals() -> float:
    return REGISTRY.get_sample_value("api_refused_total", {"reason": "overloaded"}) or 0


def code_of(connection: Connection) -> str:
    import json

    return str(json.loads(connection.sent[1]["body"])["error"]["code"])


async def test_what_a_client_that_hangs_up_asked_for_is_never_sent(app, backend):
    backend.gate.clear()
    stays, leaves, stays_too = connections = [Connection(encoded(marked(digit))) for digit in (1, 2, 3)]
    tasks = [asyncio.create_task(stays.ask(app))]
    await until(lambda: backend.batches)
    tasks += [asyncio.create_task(connection.ask(app)) for connection in connections[1:]]
    await until(lambda: app.state.batcher._queued_requests == 2)
    leaves.hang_up()
    await asyncio.wait([tasks[1]], timeout=5)
    assert leaves.status == 499
    assert stays.status is stays_too.status is None
    backend.gate.set()
    await asyncio.wait(tasks, timeout=5)
    assert (stays.status, stays_too.status) == (200, 200)
    assert [batch[:, 0, 14, 14].tolist() for batch in backend.batches] == [[211], [213]]


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_no_bug(app, caplog):
    connection = Connection(IMAGE[:20], IMAGE[20:])
    first = connection.receive

    async def receive() -> dict[str, Any]:
        message = await first()
        connection.hang_up()
        return message

    await app(connection.scope, receive, connection.send)
    assert connection.status == 499
    assert not [record for record in caplog.records if record.exc_info]


async def test_the_deadline_ends_a_request_that_waits(backend):
    backend.gate.clear()
    app = create_app(Settings(deadline_s=0.15, max_calls=1), client=backend)
    async with app.router.lifespan_context(app):
        connections = [Connection(IMAGE) for _ in range(3)]
        start = time.monotonic()
        await asyncio.gather(*(connection.ask(app) for connection in connections))
        assert 0.1 < time.monotonic() - start < 2
        assert {(connection.status, code_of(connection)) for connection in connections} == {(504, "deadline_exceeded")}
        backend.gate.set()
    assert len(backend.batches) == 1, "what was late never left the queue"


async def test_a_request_may_ask_for_less_time(app, backend):
    backend.gate.clear()
    start = time.monotonic()
    connection = Connection(IMAGE, x_request_timeout_ms="50")
    assert await connection.ask(app) == 504
    assert 0.03 < time.monotonic() - start < 2
    backend.gate.set()


async def test_a_request_gets_no_more_time_than_the_setting_gives(backend):
    backend.gate.clear()
    app = create_app(Settings(deadline_s=0.1), client=backend)
    async with app.router.lifespan_context(app):
        assert await Connection(IMAGE, x_request_timeout_ms="60000").ask(app) == 504
        backend.gate.set()


async def test_a_body_that_comes_too_slowly_is_late(backend):
    app = create_app(Settings(deadline_s=0.1), client=backend)
    connection = Connection(IMAGE[:20])
    connection._pieces.append(b"")
    first = connection.receive

    async def receive() -> dict[str, Any]:
        if len(connection._pieces) == 2:
            return await first()
        await asyncio.sleep(3600)
        raise AssertionError

    async with app.router.lifespan_context(app):
        await app(connection.scope, receive, connection.send)
    assert (connection.status, code_of(connection)) == (408, "request_timeout")


@pytest.mark.parametrize("value", ["", "0", "-5", "1.5", "soon", "1e3", "9" * 12, "٣"])
async def test_a_timeout_that_is_none_is_refused(app, backend, value):
    connection = Connection(IMAGE, x_request_timeout_ms=value)
    assert await connection.ask(app) == 422
    assert code_of(connection) == "invalid_request"
    assert not backend.batches


async def test_an_answer_in_time_leaves_no_timer_and_no_slot(app):
    for _ in range(3):
        assert await Connection(IMAGE, x_request_timeout_ms="60000").ask(app) == 200
    await asyncio.sleep(0.1)
    limiter = app.state.limiter
    assert not limiter._slots
    assert limiter._held_bytes == 0
    assert limiter._timer is None


async def test_a_request_cancelled_by_the_server_stays_cancelled(app, backend):
    backend.gate.clear()
    task = asyncio.create_task(Connection(IMAGE).ask(app))
    await until(lambda: backend.batches)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    backend.gate.set()


async def test_bodies_are_bounded_together_with_and_without_their_length(open_client, backend):
    async def chunks():
        for _ in range(3):
            yield b"x" * 1000

    limits = Settings(max_body_bytes=4000, v2_max_body_bytes=4000, max_held_bytes=4000)
    async with open_client(limits) as client:
        backend.gate.clear()
        padded = IMAGE + b"\0" * 2000
        held = asyncio.create_task(client.post("/predict", content=padded, headers={"content-type": "image/png"}))
        await until(lambda: backend.batches)
        for content in (b"x" * 3000, chunks()):
            refused = await client.post("/predict", content=content, headers={"content-type": "image/png"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
        backend.gate.set()
        assert (await held).status_code == 200
        assert (await client.post("/predict", content=padded, headers={"content-type": "image/png"})).status_code == 200


async def test_images_that_wait_for_a_call_are_bounded(open_client, backend):
    async with open_client(Settings(max_calls=1, max_queued_images=4)) as client:
        backend.gate.clear()
        four = {"images": [as_base64(IMAGE)] * 4}
        under_way = asyncio.create_task(client.post("/predict/batch", json=four))
        await until(lambda: backend.batches)
        waiting = asyncio.create_task(client.post("/predict/batch", json=four))
        await asyncio.sleep(0.05)
        before = refusals()
        refused = await client.post("/predict", json={"image": as_base64(IMAGE)})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        await client.get("/metrics")  # writes what is buffered
        assert refusals() == before + 1
        waiting.cancel()
        await asyncio.sleep(0.05)
        alone = asyncio.create_task(client.post("/predict", json={"image": as_base64(IMAGE)}))
        await asyncio.sleep(0.05)
        backend.gate.set()
        assert (await alone).status_code == (await under_way).status_code == 200


async def test_the_time_for_the_body_is_one_thing_and_the_time_for_the_answer_another(backend):
    app = create_app(Settings(client_timeout_s=0.5, deadline_s=1.5, max_calls=1), client=backend)
    async with app.router.lifespan_context(app):
        slow, prompt = Connection(IMAGE[:20], IMAGE[20:]), Connection(IMAGE)
        first = slow.receive

        async def receive() -> dict[str, Any]:
            if slow._pieces[0] == IMAGE[:20]:
                return await first()
            await asyncio.sleep(3600)
            raise AssertionError

        backend.gate.clear()
        start = time.monotonic()
        await asyncio.gather(app(slow.scope, receive, slow.send), prompt.ask(app))
        assert time.monotonic() - start > 1.2, "a request with its whole body has the full deadline"
        backend.gate.set()
    assert (slow.status, code_of(slow)) == (408, "request_timeout")
    assert (prompt.status, code_of(prompt)) == (504, "deadline_exceeded")


async def test_a_client_that_asks_for_less_time_than_its_body_takes_is_late_and_not_slow(app):
    connection = Connection(IMAGE[:20], IMAGE[20:], x_request_timeout_ms="50")
    first = connection.receive

    async def receive() -> dict[str, Any]:
        if connection._pieces[0] == IMAGE[:20]:
            return await first()
        await asyncio.sleep(3600)
        raise AssertionError

    await app(connection.scope, receive, connection.send)
    assert (connection.status, code_of(connection)) == (504, "deadline_exceeded")
