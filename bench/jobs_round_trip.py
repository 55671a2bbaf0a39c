"""How long a job of one item takes, from its request to the answer that says it has ended."""

import asyncio
import statistics
import time
from typing import Any, NamedTuple

import httpx

from bench.errors import LoadFailed

# Between two looks at a job: no figure is finer.
POLL_S = 0.005
_PERIOD_S = 1.0  # of a user's jobs
_WAIT_S = 30.0
_ACCEPTED = 202


class RoundTrips(NamedTuple):
    """Round trips of jobs, in ms."""

    jobs: int
    p50_ms: float
    p95_ms: float


def measure(url: str, line: bytes, users: int, seconds: float) -> RoundTrips:
    """Have users send one job a second each.

    Args:
        url: The api.
        line: The item, a line of JSON.
        users: How many.
        seconds: How long.

    Raises:
        LoadFailed: A job was refused, or didn't end.
    """
    found = asyncio.run(_all(url, line, users, seconds))
    cuts = statistics.quantiles(found, n=20, method="inclusive")
    return RoundTrips(len(found), statistics.median(found), cuts[-1])


async def _all(url: str, line: bytes, users: int, seconds: float) -> list[float]:
    limits = httpx.Limits(max_connections=users, max_keepalive_connections=users)
    async with httpx.AsyncClient(base_url=url, timeout=_WAIT_S, limits=limits) as client:
        until = time.monotonic() + seconds
        several = await asyncio.gather(*(_user(client, line, each / users, until) for each in range(users)))
    return [took for one in several for took in one]


async def _user(client: httpx.AsyncClient, line: bytes, after_s: float, until: float) -> list[float]:
    await asyncio.sleep(after_s * _PERIOD_S)
    found: list[float] = []
    due = time.monotonic()
    while due < until:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        found.append(await _job(client, line) * 1000)
        due = max(due + _PERIOD_S, time.monotonic())
    return found


async def _job(client: httpx.AsyncClient, line: bytes) -> float:
    start = time.perf_counter()
    answer = await client.post("/jobs/digits", content=line, headers={"content-type": "application/x-ndjson"})
    if answer.status_code != _ACCEPTED:
        raise LoadFailed(f"a job was refused: {answer.status_code} {answer.text[:300]}")
    job: dict[str, Any] = answer.json()
    while job.get("state") in ("queued", "running"):
        if time.perf_counter() - start > _WAIT_S:
            raise LoadFailed(f"a job of one item didn't end within {_WAIT_S:g} s")
        await asyncio.sleep(POLL_S)
        job = (await client.get(f"/jobs/{job['id']}")).json()
    took_s = time.perf_counter() - start
    await client.delete(f"/jobs/{job['id']}")
    return took_s
