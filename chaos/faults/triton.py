"""Triton exits, hangs or answers wrongly: ``/health/ready`` reports the fault and the recovery in time."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable

from chaos.errors import ChaosError
from chaos.result import Result
from chaos.scenario import LIGHT_PAUSE_S, Scenario
from chaos.wrong_model import wrong_model

# Above the bounds, so that the table shows by how much a limit was exceeded.
_TIMEOUT_S = 20.0


async def killed(scenario: Scenario, result: Result) -> None:
    """Kill Triton, and start it again."""
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        scenario.triton.send_signal(signal.SIGKILL)
        await _noticed(scenario, result, probe.wait_unready(since, _TIMEOUT_S))
        await scenario.triton.wait_ended()
        if left := await scenario.triton.kill_orphans():
            result.notes.append(f"{left} backend processes did not exit by themselves within 5 s")
        await scenario.triton.start_serving()
        await _recovered(scenario, result, probe.wait_ready(time.monotonic(), _TIMEOUT_S))
        await load.wait_answered(50)
    result.require_no_failures(load.counts, may_refuse=True)
    result.notes.append(f"unready with {', '.join(sorted(probe.codes(since) - {'ready'}))}")


async def hung(scenario: Scenario, result: Result) -> None:
    """Suspend Triton and continue it: meanwhile its connections stay open, and its port accepts new ones."""
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        scenario.triton.send_signal(signal.SIGSTOP)
        try:
            await _noticed(scenario, result, probe.wait_unready(since, _TIMEOUT_S))
            # Gives requests and probes the time to accumulate.
            await asyncio.sleep(0 if scenario.is_short else 10)
        finally:
            scenario.triton.send_signal(signal.SIGCONT)
        await _recovered(scenario, result, probe.wait_ready(time.monotonic(), _TIMEOUT_S))
        await load.wait_answered(50)
    result.require_no_failures(load.counts, may_refuse=True)
    slowest_s = max(each.took_s for each in probe.results)
    result.notes.append(f"slowest probe {slowest_s:.1f} s")
    result.require_within("slowest probe answered", slowest_s, scenario.bounds.noticed_s)


async def backend_hung(scenario: Scenario, result: Result) -> None:
    """Suspend the processes that run the model."""
    await _hit_backend(scenario, result, signal.SIGSTOP)


async def backend_killed(scenario: Scenario, result: Result) -> None:
    """Kill the processes that run the model."""
    await _hit_backend(scenario, result, signal.SIGKILL)


async def _hit_backend(scenario: Scenario, result: Result, number: signal.Signals) -> None:
    """Send a signal to the backend processes, then restart Triton as a container engine would."""
    backends = scenario.triton.processes()[1:]
    if not backends:
        raise ChaosError("Triton has no backend processes")
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        for backend in backends:
            backend.send_signal(number)
        await _noticed(scenario, result, probe.wait_unready(since, _TIMEOUT_S))
        exited = "Triton did not exit by itself"
        with contextlib.suppress(ChaosError):
            status = await scenario.triton.wait_ended(_TIMEOUT_S)
            exited = f"Triton exited by itself ({status}) after {time.monotonic() - since:.0f} s"
        result.notes.append(exited)
        await scenario.triton.stop()
        await scenario.triton.start_serving()
        await _recovered(scenario, result, probe.wait_ready(time.monotonic(), _TIMEOUT_S))
        await load.wait_answered(50)
    result.require_no_failures(load.counts, may_refuse=True)


async def wrong(scenario: Scenario, result: Result) -> None:
    """Serve a version whose answers are wrong, and roll back."""
    repository, good = scenario.repository, scenario.repository.served_version()
    bad = await asyncio.to_thread(repository.add, wrong_model)
    async with scenario.under_load(result, pause_s=LIGHT_PAUSE_S) as (load, probe):
        repository.select(bad)
        error = await scenario.triton.load()
        result.require(error is None, f"Triton refused the version: {error}")
        async with asyncio.timeout(_TIMEOUT_S):
            while not load.counts.wrong:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        first = load.counts.wrong[0]
        await _noticed(scenario, result, probe.wait_unready(first, _TIMEOUT_S))
        error = await scenario.serve(good)
        result.require(not error, f"rollback: {error}")
        ready_at = first + await probe.wait_ready(first, _TIMEOUT_S * 3)
        last = load.counts.wrong[-1]
        result.recovered_s = result.require_within("recovered", ready_at - last, scenario.bounds.recovered_s)
        await load.wait_answered(50)
        result.require(load.counts.wrong[-1] == last, "wrong answers after the recovery")
    result.require_no_failures(load.counts, may_be_wrong=True)
    result.require(repository.served_version() == good, "the rollback left another version selected")


async def _noticed(scenario: Scenario, result: Result, wait: Awaitable[float]) -> None:
    result.noticed_s = result.require_within("noticed", await wait, scenario.bounds.noticed_s)


async def _recovered(scenario: Scenario, result: Result, wait: Awaitable[float]) -> None:
    result.recovered_s = result.require_within("recovered", await wait, scenario.bounds.recovered_s)
