"""The records of jobs in a real Redis: what each step of a job changes, and that nothing changes twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from api.errors import JobStorageFull, JobsUnavailable
from api.jobs.items import Item, pack
from api.jobs.record import Job, NewJob
from api.jobs.store import WINDOW, Store, new_id
from tests.support.redis_server import RedisServer
from tests.support.small_disk import on_small_disk

MAX_DUE_S = 305


@pytest.fixture(scope="module")
def redis(run_dir):
    with RedisServer(run_dir / "redis-store") as server:
        yield server


@pytest.fixture
async def store(redis) -> AsyncIterator[Store]:
    redis.client.flushall()
    store = Store(redis.url, expire_s=60, running_s=7, wait_s=20)  # this machine may be busy
    yield store
    await store.close()


def new(chunks: int, **more: str) -> NewJob:
    return NewJob("owner", "digits", 2 * chunks, [2 * number for number in range(chunks)], "print", **more)


def packed(chunks: int) -> list[bytes]:
    return [pack(2 * number, [Item("", b"a"), Item("", b"b")]) for number in range(chunks)]


async def added(store: Store, chunks: int, **more: str) -> tuple[str, list[int]]:
    job_id = new_id()
    await store.stage(job_id, packed(chunks), 100)
    return await store.create(job_id, new(chunks, **more))


async def found(store: Store, job_id: str) -> Job:
    job = await store.job(job_id)
    assert job is not None
    return job


async def test_a_job_sends_its_chunks_in_turn_and_ends_with_the_last(store):
    job_id, sent = await added(store, WINDOW + 2)
    assert sent == list(range(WINDOW)), "no more at a time"
    assert (await found(store, job_id)).state == "queued"
    for chunk in range(WINDOW + 2):
        begun = await store.begin(job_id, chunk)
        assert begun is not None
        assert (begun.items, begun.attempt) == (packed(WINDOW + 2)[chunk], 1)
        assert (await found(store, job_id)).state == "running"
        following = await store.finish(job_id, chunk, b"x\n" * 2, 1, 1)
        assert following == ([WINDOW + chunk] if chunk < 2 else [])
    job = await found(store, job_id)
    assert (job.state, job.done, job.failed) == ("done", WINDOW + 2, WINDOW + 2)
    assert job.finished is not None
    assert await store.claim_all() == {}


async def test_a_job_without_an_answer_has_failed(store):
    job_id, _ = await added(store, 1)
    await store.begin(job_id, 0)
    await store.finish(job_id, 0, b"x\n" * 2, 0, 2)
    assert (await found(store, job_id)).state == "failed"


async def test_results_and_counts_change_once(store):
    job_id, _ = await added(store, 2)
    await store.begin(job_id, 0)
    await store.begin(job_id, 0)
    await asyncio.gather(*[store.finish(job_id, 0, f"{n}\n".encode(), 2, 0) for n in range(5)])
    assert (await found(store, job_id)).done == 2
    assert await store.begin(job_id, 0) is None, "it is done"
    written = await store.results(job_id, [0, 1])
    assert written[1] is None
    await store.finish(job_id, 0, b"later\n", 2, 0)
    assert await store.results(job_id, [0, 1]) == written


async def test_a_job_that_is_made_twice_is_made_once(store):
    """The client of Redis sends a command again where the connection broke before the answer."""
    job_id, _ = await added(store, 2)
    await store.begin(job_id, 0)
    await store.finish(job_id, 0, b"x\n", 2, 0)
    assert await store.create(job_id, new(2)) == (job_id, [])
    assert (await found(store, job_id)).done == 2


async def test_an_idempotency_key_stands_for_the_first_job_also_in_a_race(store):
    made = await asyncio.gather(*[added(store, 2, idempotency="k") for _ in range(10)])
    assert len({job_id for job_id, _ in made}) == 1
    assert sorted(chunks for _, chunks in made)[-1] == [0, 1]
    assert sum(bool(chunks) for _, chunks in made) == 1
    job = await store.find("owner", "k")
    assert job is not None
    assert job.id == made[0][0]
    assert await store.find("another", "k") is None


async def test_a_chunk_is_sent_again_when_its_time_is_over(store, redis):
    job_id, _ = await added(store, 2)
    due = f"jobs:due:{job_id}"
    await store.sent(job_id, [0, 1])
    assert await store.claim_all() == {}
    redis.client.zadd(due, {"1": 1.0})
    assert await store.claim_all() == {job_id: [1]}
    assert await store.claim_all() == {}, "by one of the workers that look"
    seconds = redis.client.time()[0]
    assert all(0 < score - seconds < MAX_DUE_S for _, score in redis.client.zrange(due, 0, -1, withscores=True))


async def test_a_message_that_got_lost_is_sent_again_once_the_queue_is_empty(store, redis):
    """Redis or a worker that is killed may have taken it off the queue, and not yet noted so."""
    job_id, _ = await added(store, 3)
    await store.sent(job_id, [0, 1, 2])
    await store.begin(job_id, 0)
    for chunk in (0, 1):  # sent a while ago
        redis.client.zincrby(f"jobs:due:{job_id}", -15, str(chunk))
    redis.client.zadd(f"jobs:due:{job_id}", {"0": redis.client.time()[0] + 5})
    redis.client.rpush("jobs:broker:chunks", "another message")
    assert await store.claim_all() == {}, "it may be behind others"
    redis.client.delete("jobs:broker:chunks")
    assert await store.claim_all() == {job_id: [1]}
    assert await store.claim_all() == {}


async def test_a_chunk_that_was_begun_is_due_after_the_time_of_a_worker(store, redis):
    job_id, _ = await added(store, 1)
    await store.sent(job_id, [0])
    await store.begin(job_id, 0)
    assert 5 < redis.client.zscore(f"jobs:due:{job_id}", "0") - redis.client.time()[0] < 9
    redis.client.zadd(f"jobs:due:{job_id}", {"0": 1.0})
    assert await store.claim_all() == {job_id: [0]}
    begun = await store.begin(job_id, 0)
    assert begun is not None
    assert begun.attempt == 2


async def test_a_chunk_that_was_given_back_comes_later_and_counts_no_attempt(store, redis):
    job_id, _ = await added(store, 1)
    for _ in range(4):
        begun = await store.begin(job_id, 0)
        assert begun is not None
        assert begun.attempt == 1
        assert 0 <= await store.give_back(job_id, 0, 1.0, 10.0) < 2
    assert 0 < redis.client.zscore(f"jobs:due:{job_id}", "0") - redis.client.time()[0] <= 2
    redis.client.hset(f"jobs:attempts:{job_id}", "since:0", redis.client.time()[0] - 500)
    assert 499 < await store.give_back(job_id, 0, 1.0, 10.0) < 510
    assert 8 < redis.client.zscore(f"jobs:due:{job_id}", "0") - redis.client.time()[0] <= 11


async def test_a_cancelled_job_takes_no_results_and_gives_no_chunks(store, redis):
    job_id, _ = await added(store, 3)
    await store.begin(job_id, 0)
    await store.finish(job_id, 0, b"x\n", 2, 0)
    await store.begin(job_id, 1)
    assert await store.cancel(job_id)
    assert not await store.cancel(job_id)
    assert await store.finish(job_id, 1, b"y\n", 2, 0) == []
    assert await store.begin(job_id, 2) is None
    job = await found(store, job_id)
    assert (job.state, job.done) == ("cancelled", 2)
    assert await store.results(job_id, [0, 1]) == [b"x\n", None]
    assert await store.claim_all() == {}
    await store.remove(job)
    assert [name for name in redis.client.scan_iter("*") if job_id in name] == []
    assert await store.jobs_of("owner", 10) == []


async def test_a_worker_that_comes_too_late_leaves_no_key_of_a_job_that_has_gone(store, redis):
    job_id, _ = await added(store, 1, webhook="https://example.org", idempotency="k")
    await store.begin(job_id, 0)
    await store.remove(await found(store, job_id))
    assert await store.finish(job_id, 0, b"x\n", 2, 0) == []
    await store.give_back(job_id, 0, 1, 10)
    await store.note_webhook(job_id, "pending", 1, 5.0)
    await store.sent(job_id, [0])
    assert await store.begin(job_id, 0) is None
    assert [name for name in redis.client.scan_iter("*") if job_id in name] == []


async def test_every_key_expires_with_its_job(store, redis):
    job_id, _ = await added(store, 3, webhook="https://example.org", idempotency="k")
    await store.begin(job_id, 0)
    await store.finish(job_id, 0, b"x\n", 2, 0)
    await store.begin(job_id, 1)
    await store.give_back(job_id, 1, 1, 10)
    await store.note_worker("one")
    await store.cancel(job_id)
    ttls = {name: redis.client.ttl(name) for name in redis.client.scan_iter("*")}
    of_all = {name: ttls.pop(name) for name in ("jobs:counts", "jobs:workers")}
    assert min(of_all.values()) > 0
    assert {name.split(":")[1] for name in ttls} == {"job", "results", "of", "key", "webhooks", "worker"}
    assert all(0 < ttl <= 61 for ttl in ttls.values()), ttls


async def test_webhooks_are_due_at_the_end_and_again_while_nothing_is_noted(store, redis):
    job_id, _ = await added(store, 1, webhook="https://example.org")
    assert await store.due_webhooks() == []
    await store.begin(job_id, 0)
    await store.finish(job_id, 0, b"x\n", 2, 0)
    assert await store.due_webhooks() == [job_id]
    assert await store.due_webhooks() == []
    redis.client.zadd("jobs:webhooks", {job_id: 1.0})
    assert await store.due_webhooks() == [job_id]
    await store.note_webhook(job_id, "delivered", 2, None)
    redis.client.zadd("jobs:webhooks", {job_id: 1.0}, xx=True)
    assert await store.due_webhooks() == []
    assert (await found(store, job_id)).webhook_state == "delivered"


async def test_what_was_staged_for_nothing_goes(store, redis):
    job_id = new_id()

    def failing():
        yield packed(1)[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.stage(job_id, failing(), 100)
    assert redis.client.keys("*") == []
    await store.stage(job_id, packed(2), 100)
    assert 0 < redis.client.ttl(f"jobs:items:{job_id}") <= 600, "where the api dies before it makes the job"


async def test_a_full_redis_takes_no_job_and_lets_workers_finish(store, redis):
    job_id, _ = await added(store, 2)
    redis.client.config_set("maxmemory-policy", "noeviction")
    redis.client.config_set("maxmemory", redis.client.info("memory")["used_memory"] - 100_000)
    try:
        with pytest.raises(JobStorageFull):
            await added(store, 1)
        with pytest.raises(JobStorageFull):
            await store.create(new_id(), new(1))
        assert await store.begin(job_id, 0) is not None
        assert await store.finish(job_id, 0, b"x\n" * 1000, 2, 0) == []
        assert (await found(store, job_id)).done == 2
    finally:
        redis.client.config_set("maxmemory", 0)


async def test_a_redis_whose_disk_is_full_takes_no_job_and_a_worker_waits(run_dir):
    folder = run_dir / "redis-full-disk"
    server = RedisServer(folder, is_durable=True)
    server.argv = on_small_disk(server.argv, folder, "4m")
    with server:
        store = Store(server.url, expire_s=60, running_s=7, wait_s=20)
        job_id, _ = await added(store, 2)
        assert await store.begin(job_id, 0) is not None
        large = pack(0, [Item("", bytes(1_000_000))])
        with contextlib.suppress(JobStorageFull):
            for _ in range(10):  # the one that fills the disk is still taken
                await store.stage(new_id(), [large], len(large))
        with pytest.raises(JobStorageFull):
            await added(store, 1)
        with pytest.raises(JobStorageFull):
            await store.finish(job_id, 0, b"x\n", 2, 0)
        assert (await found(store, job_id)).done == 0
        await store.close()


async def test_a_note_about_a_webhook_brings_no_job_back(store, redis):
    job_id, _ = await added(store, 1, webhook="https://example.org")
    await store.cancel(job_id)
    await store.remove(await found(store, job_id))
    await store.note_webhook(job_id, "pending", 1, 2.0)
    assert [key for key in redis.client.keys("*") if job_id in key] == []
    assert await store.due_webhooks() == []


async def test_suspects_come_back_until_the_chunk_ends(store, redis):
    job_id, _ = await added(store, 1)
    await store.begin(job_id, 0)
    await store.suspect(job_id, 0, [1, 7])
    begun = await store.begin(job_id, 0)
    assert begun is not None
    assert begun.suspects == [1, 7]
    await store.finish(job_id, 0, b"x\n" * 2, 2, 0)
    await store.suspect(job_id, 0, [1])
    assert redis.client.exists(f"jobs:attempts:{job_id}") == 0


async def test_a_redis_that_hangs_or_is_away_costs_less_than_two_seconds(run_dir):
    loop = asyncio.get_running_loop()
    with RedisServer(run_dir / "redis-store-away") as server:
        store = Store(server.url, expire_s=60, running_s=7)
        await store.jobs_of("owner", 1)
        for _ in range(2):
            server.hang()
            start = loop.time()
            with pytest.raises(JobsUnavailable):
                await store.jobs_of("owner", 1)
            assert loop.time() - start < 2
            server.go_on()
        server.stop()
        start = loop.time()
        with pytest.raises(JobsUnavailable) as raised:
            await store.job(new_id())
        assert loop.time() - start < 2
        assert isinstance(raised.value.__cause__, RedisConnectionError)
        server.start()
        assert await store.jobs_of("owner", 1) == [], "the broken connections cost no error"
        await store.close()


async def test_figures_of_all_jobs(store, redis):
    assert (await store.figures())[:7] == (0, 0, 0, 0.0, 0, 0, {})
    first, _ = await added(store, 3)
    await added(store, 2)
    await store.begin(first, 0)
    failures = {"422:invalid_image": 1}
    for _ in range(2):  # counted once, however often it is written
        await store.finish(first, 0, b"x\n" * 2, 1, 1, failures=failures)
    await store.note_worker("one@here")
    await store.note_worker("two@here")
    redis.client.zadd("jobs:workers", {"dead@here": 1})
    redis.client.zadd("jobs:open", {"expired": 1})
    figures = await store.figures()
    assert (figures.queued, figures.running, figures.waiting_items) == (1, 1, 8)
    assert 0 < figures.oldest_s < 60
    assert figures.workers == 2
    assert (figures.answered, figures.failed) == (1, {("422", "invalid_image"): 1})
    assert figures.used_bytes > 0
    assert [name for name in redis.client.scan_iter("*") if redis.client.ttl(name) == -1] == []
