"""Metrics buffered in plain Python and written to prometheus_client's shared files every `PERIOD_S`.

With several workers prometheus_client keeps values in memory-mapped files, where one observation of a histogram costs
5 µs; a request makes four, which cost a tenth of that here. A worker's file is `PERIOD_S` old at most, and a killed
worker loses as much.

Everything here runs in the event loop's thread.
"""

from bisect import bisect_left
from collections import Counter as Multiset

from prometheus_client import Counter, Gauge, Histogram

PERIOD_S = 0.1


class BufferedCounter:
    """A counter.

    Args:
        counter: The prometheus_client counter to write to.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._pending: Multiset[tuple[str, ...]] = Multiset()

    def add(self, *labels: str) -> None:
        """Count one."""
        self._pending[labels] += 1

    def flush(self) -> None:
        """Write the pending values."""
        for labels, count in self._pending.items():
            self._counter.labels(*labels).inc(count)
        self._pending.clear()


class BufferedGauge:
    """A gauge; set ``value``."""

    def __init__(self, gauge: Gauge) -> None:
        self.value = 0
        self._gauge = gauge
        self._written = 0

    def flush(self) -> None:
        """Write the value if it has changed."""
        if self.value != self._written:
            self._gauge.set(self.value)
            self._written = self.value


class BufferedHistogram:
    """A histogram.

    Args:
        histogram: The prometheus_client histogram to write to.
    """

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._series: dict[tuple[str, ...], _Series] = {}

    def add(self, value: float, *labels: str) -> None:
        """Record one value."""
        series = self._series.get(labels)
        if series is None:
            child = self._histogram.labels(*labels) if labels else self._histogram
            series = self._series[labels] = _Series(child)
        series.add(value)

    def flush(self) -> None:
        """Write the pending values."""
        for series in self._series.values():
            series.flush()


class _Series:
    """One child of a histogram; the library has no public way to write several observations at once."""

    __slots__ = ("_bounds", "_child", "_counts", "_total")

    def __init__(self, child: Histogram) -> None:
        self._child = child
        self._bounds: list[float] = child._upper_bounds  # noqa: SLF001
        self._counts = [0] * len(self._bounds)
        self._total = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def flush(self) -> None:
        if not any(self._counts):
            return
        for bucket, count in zip(self._child._buckets, self._counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        self._child._sum.inc(self._total)  # noqa: SLF001
        self._counts = [0] * len(self._bounds)
        self._total = 0.0
