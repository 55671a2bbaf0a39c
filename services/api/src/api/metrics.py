"""Prometheus metrics over all workers.

The client library keeps one memory-mapped file a process in ``PROMETHEUS_MULTIPROC_DIR``; whichever worker answers
``/metrics`` adds them up. The variable has to be set before the library is imported: ``gunicorn_conf`` does that.
"""

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["CONTENT_TYPE_LATEST", "IN_FLIGHT", "LATENCY", "REFUSED", "REQUESTS", "clear", "expose"]

# From half a millisecond, what a lone request costs, to the deadline.
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("api_requests", "Finished requests.", ["route", "method", "status"])
LATENCY = Histogram(
    "api_request_duration_seconds", "Time from headers to the last byte.", ["route"], buckets=_BUCKETS_S
)
IN_FLIGHT = Gauge("api_in_flight_requests", "Requests being worked on.", multiprocess_mode="livesum")
REFUSED = Counter("api_refused", "Requests refused before any work.", ["reason"])


def expose() -> bytes:
    """Return the metrics of all workers in Prometheus' text format (of this process alone if there is one only)."""
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
