"""The metrics of the jobs, with a fake in Redis' place."""

import asyncio
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.errors import InvalidImage, JobsUnavailable, WorkerLost
from api.jobs import watch
from api.jobs.figures import Figures, figures_of, kind_of_failure
from api.jobs.watch import Watch

FIGURES = Figures(2, 1, 300, 12.5, 3, 1000, {("500", "worker_lost"): 128, ("422", "invalid_image"): 7}, 60, 100)


class Source:
    """Answers with figures, or with what Redis can do wrong."""

    def __init__(self, delay_s: float = 0, error: Exception | None = None) -> None:
        self.asked = 0
        self.delay_s, self.error = delay_s, error

    async def figures(self) -> Figures:
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error
        return FIGURES


def samples(text: bytes) -> dict[str, float]:
    found = (sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples)
    return {s.name + "".join(f",{k}={v}" for k, v in sorted(s.labels.items())): s.value for s in found}


async def test_every_figure_is_said():
    said = samples(await Watch(Source()).expose())
    assert said["api_jobs_redis_up"] == 1
    assert (said["api_jobs_open,state=queued"], said["api_jobs_open,state=running"]) == (2, 1)
    assert said["api_jobs_waiting_items"] == 300
    assert said["api_jobs_oldest_age_seconds"] == 12.5
    assert said["api_jobs_workers"] == 3
    assert said["api_jobs_answered_items_total"] == 1000
    assert said["api_jobs_failed_items_total,code=worker_lost,status=500"] == 128
    assert said["api_jobs_failed_items_total,code=invalid_image,status=422"] == 7
    assert said["api_jobs_failed_items_total,code=triton_unavailable,status=503"] == 0, "a rate needs its beginning"
    assert (said["api_jobs_redis_memory_used_bytes"], said["api_jobs_redis_memory_max_bytes"]) == (60, 100)


@pytest.mark.parametrize("source", [Source(delay_s=60), Source(error=JobsUnavailable("away"))], ids=["hangs", "away"])
async def test_without_redis_only_that_is_said_and_in_time(source):
    start = time.monotonic()
    assert samples(await Watch(source).expose()) == {"api_jobs_redis_up": 0}
    assert time.monotonic() - start < 2


async def test_redis_is_asked_twice_a_second_at_most(monkeypatch):
    source = Source(delay_s=0.01)
    watched = Watch(source)
    first = await asyncio.gather(*(watched.expose() for _ in range(20)))
    assert (source.asked, len(set(first))) == (1, 1)
    monkeypatch.setattr(watch, "_KEPT_S", 0)
    await watched.expose()
    assert source.asked == 2


def test_the_answers_of_redis_become_figures():
    counts = {b"answered": b"5", b"failed:500:worker_lost": b"2"}
    memory = {"used_memory": 1, "maxmemory": 0}
    figures = figures_of([0, 1, 7, b"3.5", 2], counts, memory)
    assert figures == Figures(0, 1, 7, 3.5, 2, 5, {("500", "worker_lost"): 2}, 1, 0)
    assert (kind_of_failure(WorkerLost("")), kind_of_failure(InvalidImage(""))) == (
        "500:worker_lost",
        "422:invalid_image",
    )


async def test_where_jobs_are_off_nothing_is_said_of_them(client: httpx.AsyncClient):
    text = (await client.get("/metrics")).text
    assert "api_workers" in text
    assert "api_jobs" not in text
