"""Triton goes away, hangs, or answers wrongly: noticed within 3 s, and so is its return, by an api that goes on."""

import asyncio
import signal
import time

from chaos import versions
from chaos.errors import ChaosError
from chaos.row import Row
from chaos.scene import GENTLE_S, Scene

# Longer than a promise is waited for, so that the table shows by how much it was broken.
_PATIENCE_S = 20.0


async def dead(scene: Scene) -> Row:
    """Kill Triton with -9, and start it again."""
    row = Row("Triton killed by -9, started again")
    async with scene.under_load(row) as (load, probe):
        broken_at = time.monotonic()
        scene.triton.send(signal.SIGKILL)
        row.noticed_s = row.within("noticed", await probe.unready(broken_at, _PATIENCE_S), scene.bounds.noticed_s)
        await scene.triton.end()
        if left := await scene.triton.bury():
            row.notes.append(f"{left} backend processes had to be ended by hand")
        await scene.triton.start_serving()
        mended_at = time.monotonic()
        row.recovered_s = row.within("recovered", await probe.ready(mended_at, _PATIENCE_S), scene.bounds.recovered_s)
        await load.answered(50)
    row.none_failed(load.tally, may_refuse=True)
    row.promise("ready" not in _codes(row, probe.said(broken_at)), "it was unready without a reason")
    return row


async def hung(scene: Scene) -> Row:
    """Stop Triton with ``SIGSTOP``, and let it go on: its connections stay open, its port accepts."""
    row = Row("Triton hung (SIGSTOP), going on (SIGCONT)")
    async with scene.under_load(row) as (load, probe):
        broken_at = time.monotonic()
        scene.triton.send(signal.SIGSTOP)
        try:
            row.noticed_s = row.within("noticed", await probe.unready(broken_at, _PATIENCE_S), scene.bounds.noticed_s)
            # Long enough for whatever piles up to pile up.
            await asyncio.sleep(0 if scene.is_short else 10)
        finally:
            scene.triton.send(signal.SIGCONT)
        mended_at = time.monotonic()
        row.recovered_s = row.within("recovered", await probe.ready(mended_at, _PATIENCE_S), scene.bounds.recovered_s)
        await load.answered(50)
    row.none_failed(load.tally, may_refuse=True)
    slowest_s = max(look.took_s for look in probe.looks)
    row.notes.append(f"slowest probe {slowest_s:.1f} s")
    row.promise(slowest_s < scene.bounds.noticed_s, "probes piled up")
    return row


async def backend_hung(scene: Scene) -> Row:
    """Stop the processes in which the model runs."""
    return await _backend(scene, signal.SIGSTOP, "hung")


async def backend_killed(scene: Scene) -> Row:
    """Kill the processes in which the model runs."""
    return await _backend(scene, signal.SIGKILL, "killed by -9")


async def _backend(scene: Scene, number: signal.Signals, how: str) -> Row:
    """Break the backend's processes, and mend the whole as whoever watches over containers does: restart what ended."""
    row = Row(f"Triton's backend processes {how}, Triton restarted")
    stubs = scene.triton.family()[1:]
    if not stubs:
        raise ChaosError("Triton has no backend processes")
    async with scene.under_load(row) as (load, probe):
        broken_at = time.monotonic()
        for stub in stubs:
            stub.send_signal(number)
        row.noticed_s = row.within("noticed", await probe.unready(broken_at, _PATIENCE_S), scene.bounds.noticed_s)
        try:
            status = await scene.triton.end(_PATIENCE_S)
            row.notes.append(f"Triton ended by itself ({status}) after {time.monotonic() - broken_at:.0f} s")
        except ChaosError:
            row.notes.append("Triton went on without them")
        await scene.triton.stop()
        await scene.triton.start_serving()
        mended_at = time.monotonic()
        row.recovered_s = row.within("recovered", await probe.ready(mended_at, _PATIENCE_S), scene.bounds.recovered_s)
        await load.answered(50)
    row.none_failed(load.tally, may_refuse=True)
    return row


async def wrong(scene: Scene) -> Row:
    """Have Triton serve a version that takes every digit for its neighbour, and roll back."""
    row = Row("Triton answers wrongly (a bad version), rolled back")
    repository = scene.model()
    former = versions.served(repository)
    bad = await asyncio.to_thread(versions.add, repository, versions.wrong)
    async with scene.under_load(row, pause_s=GENTLE_S) as (load, probe):
        versions.name(repository, bad)
        refused = await scene.triton.load()
        row.promise(refused is None, f"Triton didn't load it: {refused}")
        async with asyncio.timeout(_PATIENCE_S):
            while not load.tally.wrong:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        broken_at = load.tally.wrong[0]
        row.noticed_s = row.within("noticed", await probe.unready(broken_at, _PATIENCE_S), scene.bounds.noticed_s)
        failure = await scene.serve(former)
        row.promise(not failure, f"rollback: {failure}")
        ready_s = await probe.ready(broken_at, _PATIENCE_S * 3)
        mended_at = load.tally.wrong[-1]
        row.recovered_s = row.within("recovered", broken_at + ready_s - mended_at, scene.bounds.recovered_s)
        await load.answered(50)
        row.promise(load.tally.wrong[-1] == mended_at, "wrong answers after the recovery")
    row.none_failed(load.tally, may_be_wrong=True)
    row.promise(versions.served(repository) == former, "the former version isn't served")
    return row


def _codes(row: Row, said: set[str]) -> set[str]:
    row.notes.append(f"unready as {', '.join(sorted(said - {'ready'}))}")
    return said - {"ready"}
