"""The metrics of all jobs, out of Redis: what every process of the api says is the same, however many there are."""

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api import errors
from api.errors import ApiError
from api.jobs.figures import Figures

# A scrape waits no longer for Redis.
_WAIT_S = 0.3
# Who asks more often gets the same answer. Below the shortest interval of scrapes: the processes that answer in turn
# hold answers of different ages, and a counter that went back would look like one that began anew.
_KEPT_S = 0.5
# Counted from the start: a rate doesn't see the first value of a series that wasn't there before.
_EXPECTED = (
    errors.WorkerLost,
    errors.InternalError,
    errors.UpstreamError,
    errors.Unavailable,
    errors.ModelNotReady,
    errors.DeadlineExceeded,
    errors.Overloaded,
)


class Source(Protocol):
    """Knows the figures of the jobs."""

    async def figures(self) -> Figures:
        """Return them.

        Raises:
            JobsUnavailable: Redis doesn't answer.
        """


class Watch:
    """Says the figures of the jobs in Prometheus' text format; belongs to one event loop.

    Args:
        source: Where they are.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self._text = b""
        self._read_at = float("-inf")

    async def expose(self) -> bytes:
        """Return the metrics; where Redis doesn't answer in time, that alone."""
        async with self._lock:
            if time.monotonic() - self._read_at >= _KEPT_S:
                self._text = _text_of(await self._read())
                self._read_at = time.monotonic()
            return self._text

    async def _read(self) -> Figures | None:
        try:
            async with asyncio.timeout(_WAIT_S):
                return await self._source.figures()
        except (ApiError, TimeoutError):
            return None


class _Families:
    """What the client library asks for metrics.

    Args:
        families: The metrics.
    """

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> list[Metric]:
        return self._families


def _text_of(figures: Figures | None) -> bytes:
    up = GaugeMetricFamily("api_jobs_redis_up", "1 where the Redis of the jobs answers.", value=figures is not None)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([up, *(_families(figures) if figures else [])]))
    return generate_latest(registry)


def _families(figures: Figures) -> list[Metric]:
    gauges = {
        "api_jobs_waiting_items": ("Items of open jobs that have no outcome yet.", figures.waiting_items),
        "api_jobs_oldest_age_seconds": ("Time since the oldest open job was made.", figures.oldest_s),
        "api_jobs_workers": ("Workers of jobs that are alive.", figures.workers),
        "api_jobs_redis_memory_used_bytes": ("Memory that Redis uses.", figures.used_bytes),
        "api_jobs_redis_memory_max_bytes": ("Bound of that memory; 0 for none.", figures.max_bytes),
    }
    jobs = GaugeMetricFamily("api_jobs_open", "Jobs that haven't ended.", labels=["state"])
    jobs.add_metric(["queued"], figures.queued)
    jobs.add_metric(["running"], figures.running)
    answered = CounterMetricFamily("api_jobs_answered_items", "Items of jobs that were answered.")
    answered.add_metric([], figures.answered)
    failed = CounterMetricFamily("api_jobs_failed_items", "Items of jobs that failed.", labels=["status", "code"])
    expected = {(str(kind.status), kind.code): 0 for kind in _EXPECTED}
    for labels, number in (expected | dict(figures.failed)).items():
        failed.add_metric(labels, number)
    told = [GaugeMetricFamily(name, text, value=value) for name, (text, value) in gauges.items()]
    return [jobs, *told, answered, failed]
