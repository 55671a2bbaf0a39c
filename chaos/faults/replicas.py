"""One of two Tritons behind one address is restarted: no request fails."""

import signal
import time

from chaos.result import Result
from chaos.scenario import Scenario


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
