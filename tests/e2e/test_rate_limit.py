"""Rate limits that workers share through a real Redis, and what holds while it is away."""

import asyncio
import logging
import time
from pathlib import Path

import httpx
import pytest
from redis import Redis

from api.limits import rate
from api.limits.keys import Keys
from api.limits.rate import RateLimit
from api.telemetry.logs import OnceAMinute
from tests.support.api_server import ApiServer
from tests.support.redis_server import RedisServer

KEY = "open-sesame-of-this-test"


@pytest.fixture(autouse=True)
def _fresh_log(monkeypatch) -> None:
    """Without the line that a test before has written in this minute."""
    monkeypatch.setattr(logging.getLogger(rate.__name__), "filters", [OnceAMinute()])


@pytest.fixture
def redis(tmp_path: Path):
    with RedisServer(tmp_path / "redis", password="hunter2") as server:
        yield server


async def count(limit: RateLimit, client: str, times: int) -> int:
    """Return how many of the requests are admitted."""
    return [await limit.wait_s(None, client) for _ in range(times)].count(0)


async def test_two_processes_share_one_budget(redis):
    one, other = (RateLimit(1, 10, redis.url) for _ in range(2))
    assert await count(one, "a", 6) == 6
    assert await count(other, "a", 6) == 4
    assert await count(other, "b", 10) == 10
    assert 0 < await one.wait_s(None, "a") <= 10


async def test_redis_holds_neither_keys_nor_addresses_and_forgets(redis):
    owner = Keys([KEY]).owner_of(KEY.encode())
    assert owner is not None
    assert owner == Keys([KEY]).owner_of(KEY.encode()), "the same in every process"
    limit = RateLimit(1, 2, redis.url)
    assert [await limit.wait_s(owner, "192.0.2.77") == 0 for _ in range(3)] == [True, True, False]
    await count(limit, "192.0.2.77", 3)
    client: Redis = redis.client
    names = client.keys("*")
    assert len(names) == 2
    for name in names:
        assert KEY not in name
        assert owner.removeprefix("key ") not in name
        assert "192.0.2.77" not in name
        assert 0 < client.pttl(name) <= 4000


async def test_without_an_answer_a_process_counts_by_itself_and_loses_little_time(redis, monkeypatch, caplog):
    monkeypatch.setattr(rate, "REDIS_PAUSE_S", 0.5)
    limit = RateLimit(0.1, 5, redis.url)
    assert await count(limit, "a", 5) == 5
    redis.hang()
    start = time.monotonic()
    assert await count(limit, "a", 20) == 5, "of its own counters"
    assert time.monotonic() - start < 2 * rate.REDIS_TIMEOUT_S
    redis.go_on()
    await asyncio.sleep(0.6)
    assert await count(limit, "a", 1) == 0, "what Redis knows counts again"
    redis.stop()
    await asyncio.sleep(0.6)
    assert await count(limit, "b", 20) == 5
    assert [record.message for record in caplog.records].count("Redis doesn't count: rate limits hold per worker") == 1
    assert "hunter2" not in caplog.text


async def test_a_wrong_password_is_logged_without_it(redis, caplog):
    limit = RateLimit(1, 5, redis.url.replace("hunter2", "wrong-password"))
    assert await count(limit, "a", 6) == 5
    assert "wrong-password" not in caplog.text
    assert caplog.records


def test_all_workers_of_an_api_share_one_budget(redis, tmp_path):
    settings = {"API_WORKERS": "2", "API_RATE_LIMIT": "1", "API_RATE_BURST": "20", "API_REDIS_URL": redis.url}
    with ApiServer(tmp_path / "api", "127.0.0.1:1", **settings) as api:
        statuses = [httpx.post(f"{api.url}/predict", content=b"{}").status_code for _ in range(40)]
        assert sum(status == httpx.codes.TOO_MANY_REQUESTS for status in statuses) >= 18
        refused = httpx.post(f"{api.url}/predict", content=b"{}")
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        redis.stop()
        after = [httpx.post(f"{api.url}/predict", content=b"{}").status_code for _ in range(10)]
        assert httpx.codes.TOO_MANY_REQUESTS not in after, "counted by each worker"
        assert "api_rate_limit_fallbacks_total" in httpx.get(f"{api.url}/metrics").text
        assert "hunter2" not in api.tail(1000)
