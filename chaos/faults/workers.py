"""The api's own processes are replaced, killed or told to stop."""

import signal
import time

import psutil

from chaos.faults.waiting import until
from chaos.row import Row
from chaos.scene import Scene
from chaos.stack import WORKERS, Api

_PATIENCE_S = 40.0


async def replaced(scene: Scene) -> Row:
    """``HUP``: new workers, and the old ones leave."""
    row = Row("HUP: every worker replaced")
    old = {worker.pid for worker in scene.api.workers()}
    async with scene.under_load(row) as (load, probe):
        since = time.monotonic()
        scene.api.send(signal.SIGHUP)
        await until(lambda: len(_pids(scene.api)) == WORKERS and not _pids(scene.api) & old, "new workers")
        row.recovered_s = time.monotonic() - since
        await load.answered(200)
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    row.notes.append(f"slowest answer {load.tally.slowest_s():.1f} s")
    return row


async def fewer_and_more(scene: Scene) -> Row:
    """``TTOU`` takes a worker away, ``TTIN`` brings another."""
    row = Row("TTOU, TTIN: a worker less, a worker more")
    async with scene.under_load(row) as (load, probe):
        since = time.monotonic()
        scene.api.send(signal.SIGTTOU)
        await until(lambda: len(_pids(scene.api)) == WORKERS - 1, "a worker less")
        scene.api.send(signal.SIGTTIN)
        await until(lambda: len(_pids(scene.api)) == WORKERS, "a worker more")
        row.recovered_s = time.monotonic() - since
        await load.answered(200)
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    return row


async def killed(scene: Scene) -> Row:
    """Kill a worker with -9: only what was in flight on its own connections may be lost."""
    row = Row("a worker killed by -9")
    async with scene.under_load(row) as (load, _probe):
        old = _pids(scene.api)
        victim = max(scene.api.workers(), key=lambda worker: len(_ports(worker)))
        # Stopped first, so that it takes in nobody else between the look and the kill.
        victim.suspend()
        held = _ports(victim)
        since = time.monotonic()
        victim.kill()
        await until(lambda: len(_pids(scene.api) - {victim.pid}) == WORKERS, "a new worker")
        (new,) = _pids(scene.api) - old
        await until(lambda: _has_started(scene.api, new), "the new worker's start")
        row.recovered_s = time.monotonic() - since
        await load.answered(200)
    tally = load.tally
    # What was in flight on its connections may be lost, whether the connection had been used before or not.
    tally.lost |= {f"first-{failure.port}": failure for failure in tally.failed if failure.port in held}
    tally.failed = [failure for failure in tally.failed if failure.port not in held]
    row.none_failed(tally)
    strangers = [failure for failure in tally.lost.values() if failure.port not in held]
    row.promise(not strangers, f"{len(strangers)} lost on connections that it didn't hold")
    row.notes.append(f"it held {len(held)} connections, {len(tally.lost)} of them with a request in flight")
    return row


async def stopped(scene: Scene, api: Api) -> Row:
    """``TERM`` in mid-load to the whole api: unready first, then nothing in flight is lost."""
    row = Row("TERM: the whole api stops")
    async with scene.under_load(row, api) as (load, probe):
        since = time.monotonic()
        api.send(signal.SIGTERM)
        await until(lambda: "draining" in probe.said(since), "unready", 10)
        row.noticed_s = row.within(
            "noticed", next(x.at for x in probe.looks if x.said == "draining") - since, scene.bounds.noticed_s
        )
        status = await api.end(_PATIENCE_S)
        row.notes.append(f"ended after {time.monotonic() - since:.1f} s")
        row.promise(status == 0, f"exit status {status}")
    row.none_failed(load.tally, may_be_shut=True)
    return row


def _pids(api: Api) -> set[int]:
    return {worker.pid for worker in api.workers() if worker.status() != psutil.STATUS_ZOMBIE}


def _has_started(api: Api, worker: int) -> bool:
    return f"Started server process [{worker}]" in api.log.read_text(errors="replace")


def _ports(worker: psutil.Process) -> set[int]:
    """Return the clients' ends of a worker's connections, by their ports."""
    return {
        connection.raddr.port
        for connection in worker.net_connections(kind="tcp")
        if connection.status == psutil.CONN_ESTABLISHED and connection.raddr
    }
