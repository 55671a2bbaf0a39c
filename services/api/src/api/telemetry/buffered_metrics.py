"""Counting that costs a request next to nothing: in plain Python, and written to the shared files now and then.

With several workers prometheus_client's values lie in memory-mapped files, where one observation of a histogram costs
5 µs; a request makes four, and here they cost a tenth of that. What one worker's file says is old by `PERIOD_S` at
most, and a worker that is killed takes that much with it.

All of it belongs to the thread of the event loop.
"""

from bisect import bisect_left
from collections import Counter as Multiset

from prometheus_client import Counter, Gauge, Histogram

PERIOD_S = 0.1


class BufferedCounter:
    """A counter.

    Args:
        counter: What is written to.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._pending: Multiset[tuple[str, ...]] = Multiset()

    def add(self, *labels: str) -> None:
        """Count one."""
        self._pending[labels] += 1

    def flush(self) -> None:
        """Write what is pending."""
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
        histogram: What is written to.
    """

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._series: dict[tuple[str, ...], _Series] = {}

    def add(self, value: float, *labels: str) -> None:
        """Take in one value."""
        series = self._series.get(labels)
        if series is None:
            child = self._histogram.labels(*labels) if labels else self._histogram
            series = self._series[labels] = _Series(child)
        series.add(value)

    def flush(self) -> None:
        """Write what is pending."""
        for series in self._series.values():
            series.flush()


class _Series:
    """One child of a histogram. The library has no name of its own for many observations at a time."""

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
