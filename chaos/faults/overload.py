"""More clients than the stack can serve: it goes on serving as many as before, and refuses the others at once."""

import asyncio
import time
from typing import NamedTuple

from api.settings import Settings
from chaos.bystanders import bystand
from chaos.load import Load
from chaos.row import Row
from chaos.scene import Scene
from chaos.stack import DEADLINE_S, WORKERS, Api
from chaos.tally import Tally

_STEPS = (8, 16, 32, 64)
_TIMES = 4


class Peak(NamedTuple):
    """The most that the stack answers, and with how many connections."""

    connections: int
    rate: float  # right answers a second


async def saturated(scene: Scene, api: Api) -> Row:
    """Load the api with four times the connections that saturate it."""
    row = Row("overload: 4 × the connections that saturate it")
    peak = await _peak(scene, api)
    await _load(scene, api, row, peak, peak.connections * _TIMES)
    return row


async def overflowing(scene: Scene, api: Api) -> Row:
    """Load the api with more connections than its workers take on at a time."""
    row = Row("overload: twice the connections that its workers take on")
    peak = await _peak(scene, api)
    seen = await _load(scene, api, row, peak, WORKERS * Settings().max_in_flight * 2)
    row.promise(bool(seen.refused), "nobody was refused")
    row.promise(not seen.failed, f"failed for the bystanders: {[failure.why for failure in seen.failed][:3]}")
    refusal_ms, answer_ms = seen.refusal_ms(50), seen.answer_ms(50)
    row.notes.append(
        f"seen from a process of its own: {seen.refused.total()} refusals, median {refusal_ms:.1f} ms; "
        f"{seen.answered} answers, median {answer_ms:.1f} ms"
    )
    row.promise(
        refusal_ms <= scene.bounds.refusal * answer_ms, f"a refusal takes {refusal_ms / answer_ms:.2f} of an answer"
    )
    return row


async def _load(scene: Scene, api: Api, row: Row, peak: Peak, connections: int) -> Tally:
    """Load the api, hold what becomes of it to the promises, and return what a few clients more saw of it."""
    seconds = _seconds(scene)
    async with Load(api.port, scene.questions, connections) as load:
        row.load = str(load)
        await asyncio.sleep(seconds)
        start, before = time.monotonic(), api.memory_bytes()
        seen = await bystand(api.port, scene.questions, seconds * 3)
        stop, after = time.monotonic(), api.memory_bytes()
    tally = load.tally
    row.none_failed(tally, may_refuse=True)
    goodput, growth, p99_ms = tally.rate(start, stop) / peak.rate, after / before, tally.answer_ms(99, start)
    row.promise(goodput >= scene.bounds.goodput, f"goodput {goodput:.2f} of the peak, not {scene.bounds.goodput}")
    row.promise(p99_ms <= DEADLINE_S * 1e3, f"p99 {p99_ms:.0f} ms, over the deadline")
    row.promise(growth <= scene.bounds.growth, f"memory × {growth:.2f}")
    row.notes += [
        f"peak {peak.rate:.0f}/s at {peak.connections} connections, goodput {goodput:.2f} of it",
        f"p99 {p99_ms:.0f} ms",
        f"memory × {growth:.2f}",
    ]
    return seen


async def _peak(scene: Scene, api: Api) -> Peak:
    """Find the fewest connections that reach nearly the most answers a second."""
    found = []
    for connections in _STEPS[-2:] if scene.is_short else _STEPS:
        async with Load(api.port, scene.questions, connections) as load:
            await asyncio.sleep(_seconds(scene) / 4)
            start = time.monotonic()
            await asyncio.sleep(_seconds(scene))
            found.append(Peak(connections, load.tally.rate(start, time.monotonic())))
    most = max(peak.rate for peak in found)
    return Peak(next(peak.connections for peak in found if peak.rate >= most * 0.95), most)


def _seconds(scene: Scene) -> float:
    return 1.5 if scene.is_short else 5.0
