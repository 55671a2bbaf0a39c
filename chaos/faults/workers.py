"""The API's own processes are replaced, killed or told to exit."""

import signal
import time

import psutil

from chaos.faults.waiting import until
from chaos.result import Result
from chaos.scenario import Scenario
from chaos.stack import WORKERS, Api

_TIMEOUT_S = 40.0


async def replaced(scenario: Scenario, result: Result) -> None:
    """Send ``HUP``: new workers start, and the old ones exit."""
    old = _pids(scenario.api)
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        scenario.api.send_signal(signal.SIGHUP)
        await until(lambda: len(_pids(scenario.api)) == WORKERS and not _pids(scenario.api) & old, "new workers")
        result.recovered_s = time.monotonic() - since
        await load.wait_answered(200)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    result.notes.append(f"slowest answer {load.counts.slowest_s():.1f} s")


async def fewer_and_more(scenario: Scenario, result: Result) -> None:
    """Send ``TTOU``, which ends a worker, and ``TTIN``, which starts one."""
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        scenario.api.send_signal(signal.SIGTTOU)
        await until(lambda: len(_pids(scenario.api)) == WORKERS - 1, "one worker fewer")
        scenario.api.send_signal(signal.SIGTTIN)
        await until(lambda: len(_pids(scenario.api)) == WORKERS, "one worker more")
        result.recovered_s = time.monotonic() - since
        await load.wait_answered(200)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())


async def killed(scenario: Scenario, result: Result) -> None:
    """Kill a worker: only requests in flight on its own connections may be lost."""
    async with scenario.under_load(result) as (load, _probe):
        old = _pids(scenario.api)
        victim = max(scenario.api.workers(), key=lambda worker: len(_ports(worker)))
        # Suspended first, so that it accepts no connection after its connections are listed.
        victim.suspend()
        held = _ports(victim)
        since = time.monotonic()
        victim.kill()
        await until(lambda: len(_pids(scenario.api) - {victim.pid}) == WORKERS, "a new worker")
        (new,) = _pids(scenario.api) - old
        await until(lambda: _has_started(scenario.api, new), "the new worker's start")
        result.recovered_s = time.monotonic() - since
        await load.wait_answered(200)
    counts = load.counts
    # A request in flight on the worker's connections may fail, also if it is the connection's first.
    counts.resent |= {f"first-{failure.port}": failure for failure in counts.failed if failure.port in held}
    counts.failed = [failure for failure in counts.failed if failure.port not in held]
    result.require_no_failures(counts)
    others = [failure for failure in counts.resent.values() if failure.port not in held]
    result.require(not others, f"{len(others)} requests lost on connections of other workers")
    result.notes.append(f"it held {len(held)} connections, {len(counts.resent)} of them with a request in flight")


async def stopped(scenario: Scenario, result: Result) -> None:
    """Send ``TERM`` to the API under load: it reports unreadiness first and loses no request in flight."""
    async with scenario.under_load(result) as (load, probe):
        since = time.monotonic()
        scenario.api.send_signal(signal.SIGTERM)
        await until(lambda: "draining" in probe.codes(since), "unready", 10)
        noticed_s = next(each.at for each in probe.results if each.code == "draining") - since
        result.noticed_s = result.require_within("noticed", noticed_s, scenario.bounds.noticed_s)
        status = await scenario.api.wait_ended(_TIMEOUT_S)
        result.notes.append(f"exited after {time.monotonic() - since:.1f} s")
        result.require(status == 0, f"exit status {status}")
    result.require_no_failures(load.counts, may_be_unreachable=True)


def _pids(api: Api) -> set[int]:
    return {worker.pid for worker in api.workers() if worker.status() != psutil.STATUS_ZOMBIE}


def _has_started(api: Api, worker: int) -> bool:
    return f"Started server process [{worker}]" in api.log.read_text(errors="replace")


def _ports(worker: psutil.Process) -> set[int]:
    """Return the client ports of a worker's connections."""
    return {
        connection.raddr.port
        for connection in worker.net_connections(kind="tcp")
        if connection.status == psutil.CONN_ESTABLISHED and connection.raddr
    }
