"""More load than the stack can serve: goodput stays near the peak, and the excess is refused at once."""

import asyncio
import time
from typing import NamedTuple

from api.settings import Settings
from chaos.background_load import background_load
from chaos.counts import RequestCounts
from chaos.load import Load
from chaos.result import Result
from chaos.scenario import Scenario
from chaos.stack import DEADLINE_S, WORKERS

_STEPS = (8, 16, 32, 64, 128, 256, 512)
# Saves time, but finds less than the peak.
_SHORT_STEPS = (32, 64)
_FACTOR = 4


class Peak(NamedTuple):
    """The highest rate, and the smallest number of connections that reaches nearly the same."""

    connections: int
    rate: float  # correct answers per second


async def saturated(scenario: Scenario, result: Result) -> None:
    """Load the API with four times the connections that saturate it."""
    peak = await _find_peak(scenario)
    await _overload(scenario, result, peak, peak.connections * _FACTOR)


async def overflowing(scenario: Scenario, result: Result) -> None:
    """Load the API with twice as many connections as its workers serve at a time."""
    peak = await _find_peak(scenario)
    seen = await _overload(scenario, result, peak, WORKERS * Settings().max_in_flight * 2)
    result.require(bool(seen.refused), "no request of the background load was refused")
    failures = [failure.why for failure in seen.failed]
    result.require(not failures, f"{len(failures)} requests of the background load failed: {failures[:3]}")
    refusal_ms, answer_ms = seen.refusal_ms(50), seen.answer_ms(50)
    result.notes.append(
        f"background load: {seen.refused.total()} refusals, median {refusal_ms:.1f} ms; "
        f"{seen.answered} answers, median {answer_ms:.1f} ms"
    )
    share, limit = refusal_ms / answer_ms, scenario.bounds.refusal
    result.require(share <= limit, f"the median refusal takes {share:.2f} of the median answer, limit {limit:g}")


async def _overload(scenario: Scenario, result: Result, peak: Peak, connections: int) -> RequestCounts:
    """Overload the API and check the guarantees; return the outcome of the background load's requests."""
    seconds, api, bounds = _seconds(scenario), scenario.api, scenario.bounds
    async with Load(api.port, scenario.requests, connections) as load:
        result.load = str(load)
        await asyncio.sleep(seconds)
        start, before = time.monotonic(), api.memory_bytes()
        seen = await background_load(api.port, scenario.requests, seconds * 3)
        stop, after = time.monotonic(), api.memory_bytes()
    counts = load.counts
    result.require_no_failures(counts, may_refuse=True)
    goodput, growth, p99_ms = counts.rate(start, stop) / peak.rate, after / before, counts.answer_ms(99, start)
    result.require(goodput >= bounds.goodput, f"goodput {goodput:.2f} of the peak, limit {bounds.goodput:g}")
    result.require(p99_ms <= DEADLINE_S * 1e3, f"p99 {p99_ms:.0f} ms, deadline {DEADLINE_S * 1e3:.0f} ms")
    result.require(growth <= bounds.growth, f"memory × {growth:.2f}, limit {bounds.growth:g}")
    result.notes += [
        f"peak {peak.rate:.0f}/s at {peak.connections} connections, goodput {goodput:.2f} of it",
        f"p99 {p99_ms:.0f} ms",
        f"memory × {growth:.2f}",
    ]
    return seen


async def _find_peak(scenario: Scenario) -> Peak:
    """Find the smallest number of connections that reaches 95 % of the highest rate."""
    found = []
    for connections in _SHORT_STEPS if scenario.is_short else _STEPS:
        async with Load(scenario.api.port, scenario.requests, connections) as load:
            await asyncio.sleep(_seconds(scenario) / 4)
            start = time.monotonic()
            await asyncio.sleep(_seconds(scenario))
            found.append(Peak(connections, load.counts.rate(start, time.monotonic())))
    highest = max(peak.rate for peak in found)
    return Peak(next(peak.connections for peak in found if peak.rate >= highest * 0.95), highest)


def _seconds(scenario: Scenario) -> float:
    return 1.5 if scenario.is_short else 5.0
