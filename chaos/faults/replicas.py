"""One of two Tritons behind one address is restarted, hangs or is slow: no request fails."""

import asyncio
import re
import signal
import time
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial

import psutil

from chaos.errors import ChaosError
from chaos.result import Result
from chaos.scenario import Scenario
from chaos.stack import Api

# How much later the answers of the slow replica come.
DELAY_S = 0.5
# Seconds of the fault in which answers have to be as fast as before, in the short form and in the long one.
_FAULT_S = {True: 4.0, False: 20.0}
Step = Callable[[], Awaitable[None]]
# Above the bounds, so that the table shows by how much a limit was exceeded.
_TIMEOUT_S = 20.0


async def stopped(scenario: Scenario, result: Result) -> None:
    """Send ``TERM`` to one of two Tritons, and start it again."""
    await _restart(scenario, result, signal.SIGTERM)


async def killed(scenario: Scenario, result: Result) -> None:
    """Kill one of two Tritons, and start it again."""
    await _restart(scenario, result, signal.SIGKILL)


async def _restart(scenario: Scenario, result: Result, number: signal.Signals) -> None:
    victim = scenario.tritons[1]
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        victim.send_signal(number)
        await victim.wait_ended()
        if left := await victim.kill_orphans():
            result.notes.append(f"{left} backend processes did not exit by themselves within 5 s")
        await load.wait_answered(200)
        await victim.start_serving()
        result.recovered_s = time.monotonic() - since
        await load.wait_answered(200)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    result.notes.append(f"slowest answer {load.counts.slowest_s():.1f} s")


async def hung(scenario: Scenario, result: Result) -> None:
    """Suspend one of two Tritons with all its processes, and continue it."""
    processes = scenario.tritons[1].processes()
    suspend, resume = (partial(_send, processes, number) for number in (signal.SIGSTOP, signal.SIGCONT))
    await _endure(scenario, result, suspend, resume)


async def backend_hung(scenario: Scenario, result: Result) -> None:
    """Suspend the processes that run the model of one of two Tritons, then restart it: it gives them up for good."""
    victim = scenario.tritons[1]

    async def restart() -> None:
        await victim.stop()
        await victim.start_serving()

    await _endure(scenario, result, partial(_send, victim.processes()[1:], signal.SIGSTOP), restart)


async def slow(scenario: Scenario, result: Result) -> None:
    """Delay the answers of one of two Tritons for some time."""

    async def set_delay(delay_s: float) -> None:
        scenario.relays[1].delay_s = delay_s

    await _endure(scenario, result, partial(set_delay, DELAY_S), partial(set_delay, 0.0))


async def _send(processes: list[psutil.Process], number: signal.Signals) -> None:
    if not processes:
        raise ChaosError("Triton has no backend processes")
    for process in processes:
        process.send_signal(number)


async def _endure(scenario: Scenario, result: Result, begin: Step, end: Step) -> None:
    """Keep one of two replicas faulty for some seconds: it leaves rotation, and returns after the repair."""
    bounds = scenario.bounds
    async with scenario.under_load(result) as (load, probe):
        started = time.monotonic()
        await load.wait_answered(200)
        before_ms = load.counts.answer_ms(50, started)
        await begin()
        try:
            fault_at = time.monotonic()
            noticed_s = await _wait_in_rotation(scenario.api, 1, fault_at)
            await asyncio.sleep(bounds.delayed_s - (time.monotonic() - fault_at))
            settled_at = time.monotonic()
            await asyncio.sleep(_FAULT_S[scenario.is_short])
            during_ms = load.counts.answer_ms(50, settled_at)
        finally:
            await end()
        recovered_s = await _wait_in_rotation(scenario.api, 2, time.monotonic())
        await load.wait_answered(200)
    result.noticed_s = result.require_within("out of rotation", noticed_s, bounds.noticed_s)
    result.recovered_s = result.require_within("in rotation", recovered_s, bounds.recovered_s)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    result.require_within("slowest answer", load.counts.slowest_s(), bounds.delayed_s)
    result.require(
        during_ms <= before_ms * bounds.slowdown,
        f"median answer {during_ms:.1f} ms, {before_ms:.1f} ms before the fault, limit × {bounds.slowdown:g}",
    )
    result.notes.append(
        f"median answer {before_ms:.1f} ms before, {during_ms:.1f} ms from {bounds.delayed_s:g} s after the fault on; "
        f"slowest {load.counts.slowest_s():.2f} s"
    )


async def _wait_in_rotation(api: Api, replicas: int, since: float) -> float:
    """Wait until so many replicas are in rotation, as the worker with the fewest sees it; return the seconds.

    Raises:
        TimeoutError: They aren't in time.
    """
    async with asyncio.timeout(_TIMEOUT_S):
        while await asyncio.to_thread(_in_rotation, api) != replicas:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return time.monotonic() - since


def _in_rotation(api: Api) -> int:
    with urllib.request.urlopen(f"{api.url}/metrics", timeout=_TIMEOUT_S) as response:
        found = re.search(rb"^api_triton_replicas_in_rotation (\d+)", response.read(), re.MULTILINE)
    return int(found[1]) if found else 0
