"""Prometheus metrics over all workers; docs/observability.md says what each is good for.

The client library keeps one memory-mapped file a process in ``PROMETHEUS_MULTIPROC_DIR``; the worker that answers
``/metrics`` adds them up. The variable has to be set before the library is imported: ``gunicorn_conf`` does that.
"""

import asyncio
import contextlib
import os
import platform
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from api import errors
from api.telemetry.buffered_metrics import PERIOD_S, BufferedCounter, BufferedGauge, BufferedHistogram
from api.telemetry.request_context import Interval, RequestContext

# From a tenth of a millisecond, what decoding a small input costs, to above the deadline.
_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# All other methods share one label: a client must not be able to fill the memory with series.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_REQUESTS = BufferedCounter(Counter("api_requests", "Finished requests.", ["route", "method", "status"]))
_LATENCY = BufferedHistogram(
    Histogram("api_request_duration_seconds", "Time from headers to the last byte.", ["route"], buckets=_BUCKETS_S[2:])
)
_STAGES = BufferedHistogram(
    Histogram(
        "api_stage_duration_seconds",
        "Time that a request spent in a stage: decoding its input, waiting for a call, in the call to Triton.",
        ["stage"],
        buckets=_BUCKETS_S,
    )
)
BATCH_ROWS = BufferedHistogram(Histogram("api_batch_rows", "Rows of a call to Triton.", buckets=_BUCKETS_ROWS))
_INFERENCES = BufferedCounter(
    Counter("api_inferences", "Requests that a version of a model has answered.", ["model", "version"])
)
_INFERENCE_LATENCY = BufferedHistogram(
    Histogram(
        "api_inference_duration_seconds",
        "Time that a request spent in the call to Triton, by the version that answered.",
        ["model", "version"],
        buckets=_BUCKETS_S[2:],
    )
)
# Versions come and go: those beyond as many share one label.
_MAX_VERSIONS = 64
_versions: set[tuple[str, str]] = set()
QUEUED = BufferedGauge(
    Gauge("api_queued_requests", "Requests that wait for a call to Triton.", multiprocess_mode="livesum")
)
IN_FLIGHT = BufferedGauge(Gauge("api_in_flight_requests", "Requests being worked on.", multiprocess_mode="livesum"))
_REFUSED = BufferedCounter(
    Counter("api_refused", "Requests refused for their key, rate or size, or at the concurrency limit.", ["reason"])
)
_REFUSALS = frozenset(
    kind.code
    for kind in (
        errors.BadRequest,
        errors.Unauthorized,
        errors.RequestTimeout,
        errors.PayloadTooLarge,
        errors.RateLimited,
        errors.HeadersTooLarge,
        errors.Overloaded,
    )
)
_IN_FLIGHT_LIMIT = Gauge(
    "api_in_flight_limit_requests", "Requests that the workers take on at a time.", multiprocess_mode="livesum"
)
MODEL_READY = Gauge(
    "api_model_ready", "1 where the model answers the readiness canary in every worker.", multiprocess_mode="livemin"
)
REPLICAS = Gauge("api_triton_replicas", "Replicas of Triton that the api knows.", multiprocess_mode="livemax")
REPLICAS_IN_ROTATION = Gauge(
    "api_triton_replicas_in_rotation",
    "Replicas that get calls, as the worker with the fewest sees it; a single one never leaves.",
    multiprocess_mode="livemin",
)
EJECTIONS = Counter(
    "api_triton_ejections", "Times that a replica left rotation, for one model or for every, in any worker."
)
_WORKERS = Gauge("api_workers", "Workers that are alive.", multiprocess_mode="livesum")
_BUILD = Gauge("api_build_info", "What runs; always 1.", ["version", "python"], multiprocess_mode="livemax")


def account(context: RequestContext, route: str | None, method: str, status: int, end: float) -> None:
    """Count a finished request.

    Args:
        context: What it recorded.
        route: The route's path, or None if none matched.
        method: The HTTP method.
        status: The HTTP status; 0 if there was no answer.
        end: When it ended, by `time.perf_counter`.
    """
    # Only known routes become labels, for the same reason.
    if route is None:
        route, method = "unmatched", "any"
    elif method not in _METHODS:
        method = "other"
    _REQUESTS.add(route, method, str(status))
    _LATENCY.add(end - context.start, route)
    for stage, took_s in context.stages_s():
        _STAGES.add(took_s, stage)
    if context.error_code in _REFUSALS:
        _REFUSED.add(context.error_code)


def account_inference(model: str, version: str, call: Interval) -> None:
    """Count a request that a model has answered.

    Args:
        model: The model's name.
        version: The version that answered.
        call: The call that carried it.
    """
    labels = (model, version)
    if labels not in _versions:
        if len(_versions) >= _MAX_VERSIONS:
            labels = ("other", "other")
        else:
            _versions.add(labels)
    _INFERENCES.add(*labels)
    _INFERENCE_LATENCY.add(call[1] - call[0], *labels)


@contextlib.asynccontextmanager
async def flushing(max_in_flight: int) -> AsyncIterator[None]:
    """Register this worker, and write its figures to the shared files while the block runs and once at its end.

    Args:
        max_in_flight: Requests that it takes on at a time.
    """
    _WORKERS.set(1)
    _IN_FLIGHT_LIMIT.set(max_in_flight)
    _BUILD.labels(version("stack-api"), platform.python_version()).set(1)
    ticking = asyncio.create_task(_tick())
    try:
        yield
    finally:
        ticking.cancel()
        _flush()


_BUFFERED = (
    _REQUESTS,
    _LATENCY,
    _STAGES,
    BATCH_ROWS,
    _INFERENCES,
    _INFERENCE_LATENCY,
    QUEUED,
    IN_FLIGHT,
    _REFUSED,
)


async def _tick() -> None:
    while True:
        _flush()
        await asyncio.sleep(PERIOD_S)


def _flush() -> None:
    for metric in _BUFFERED:
        metric.flush()


def expose() -> bytes:
    """Return the metrics of all workers in Prometheus' text format (of this process alone if there is one only)."""
    _flush()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def clear(folder: Path) -> None:
    """Empty the folder of the last run's files, or make it: old counters would be added to the new ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)
