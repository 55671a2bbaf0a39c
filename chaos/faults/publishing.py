"""A publish is killed, runs out of disk, meets another one, or may not write: what was published stays whole."""

import json
import time
from typing import Any

from bench.contenders.catalogue import own_programs
from chaos import mounts, processes, versions
from chaos.row import Row
from chaos.scene import GENTLE_S, TINY_TRAINING, Scene

_RUN = '{"step"'
_FULL_EXIT, _LOCKED_EXIT, _KILLED = 6, 7, -9
_ROOM_KIB = 32 << 10  # above what the trainer asks for before it starts
_NO_ROOM_KIB = 12 << 10  # holds the copy, and less than it asks for


async def killed(scene: Scene) -> Row:
    """Kill the trainer before each of its changes to the repository, one run after another."""
    row = Row("publish killed by -9 at each step")
    repository = scene.model()
    former = versions.served(repository)
    # Steps are many and each takes a training: the short form tries some.
    every = "8" if scene.is_short else "1"
    argv = [_python(), "-m", "chaos.doomed", "--every", every, "kill", "train", "--no-load"]
    async with scene.under_load(row, pause_s=GENTLE_S) as (load, probe):
        env = scene.trainer_env(**TINY_TRAINING)
        status, printed = await processes.run(argv, env)
        runs = _runs(printed)
        row.promise(status == 0 and len(runs) > 1, printed[-500:])
        # The pointer goes back by hand-less means: the very next command after the kills.
        status, printed = await scene.trainer("rollback", "--to", str(former))
        row.promise(status == 0, printed)
        await load.answered(50)
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    row.promise(all(run["status"] == _KILLED for run in runs[:-1]), "a kill didn't kill")
    _whole(row, runs)
    row.promise(not runs[-1]["left"], f"left behind: {runs[-1]['left']}")
    row.notes.append(f"{len(runs) - 1} kills in {runs[-1]['steps']} steps")
    return row


async def disk_full(scene: Scene) -> Row:
    """Fill the disk before each of the publish's changes; and try one that was full before it began."""
    row = Row("publish on a disk that is full (tmpfs)")
    mount = scene.folder / "tiny"
    env = scene.trainer_env(**TINY_TRAINING, TRAINER_MODEL_REPOSITORY=str(mount / "models"))
    every = "8" if scene.is_short else "1"
    copy = f"cp -r {scene.repository} {mount}/models && exec"
    doomed = f"{copy} {_python()} -m chaos.doomed --every {every} fill train --no-load"
    mount.mkdir()
    status, printed = await mounts.with_tmpfs(mount, _ROOM_KIB, ["sh", "-c", doomed], env)
    runs = _runs(printed)
    row.promise(status == 0 and len(runs) > 1, printed[-500:])
    failed = [run for run in runs if run["status"] != 0]
    row.promise(bool(failed) and all(run["status"] == _FULL_EXIT for run in failed), "another exit status than 6")
    row.promise(printed.count("make room and try again") == len(failed), "without a clear error")
    _whole(row, runs)
    full = f"{copy} {_python()} -m trainer train --no-load"
    status, printed = await mounts.with_tmpfs(mount, _NO_ROOM_KIB, ["sh", "-c", full], env)
    row.promise(
        status == _FULL_EXIT and "make room and try again" in printed, f"full from the start: {status} {printed}"
    )
    row.notes.append(f"full at {len(runs) - 1} of {runs[-1]['steps']} steps: {len(failed)} × exit 6")
    return row


async def read_only(scene: Scene) -> Row:
    """Publish and roll back where nothing can be written."""
    row = Row("publish, rollback on a read-only file system")
    repository = scene.model()
    before = versions.served(repository), repository.versions()
    env = scene.trainer_env(**TINY_TRAINING)
    started = time.monotonic()
    for command in (["train"], ["rollback", "--to", str(before[0])]):
        status, printed = await mounts.read_only(scene.repository, [_python(), "-m", "trainer", *command], env)
        row.promise(status == _FULL_EXIT and "can't be written" in printed, f"{command[0]}: {status} {printed}")
    row.notes.append(f"refused in {time.monotonic() - started:.1f} s, both")
    row.promise((versions.served(repository), repository.versions()) == before, "something changed")
    return row


async def two_at_once(scene: Scene) -> Row:
    """Start a second training while one runs."""
    row = Row("two trainers at once")
    repository = scene.model()
    former = versions.served(repository)
    async with scene.under_load(row, pause_s=GENTLE_S) as (load, probe):
        first = await scene.start_trainer("train", "--no-load")
        try:
            assert first.stdout is not None
            await first.stdout.readline()  # it speaks once it holds the lock
            status, printed = await scene.trainer("train", "--no-load")
            row.promise(status == _LOCKED_EXIT and "another trainer" in printed, f"the second: {status} {printed}")
            await first.communicate()
        finally:
            processes.end(first)
        row.promise(first.returncode == 0, f"the first: {first.returncode}")
        status, printed = await scene.trainer("rollback", "--to", str(former))
        row.promise(status == 0, printed)
        await load.answered(50)
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    for version in repository.versions():
        repository.model(version)
    return row


def _python() -> str:
    return str(own_programs() / "python")


def _runs(printed: str) -> list[dict[str, Any]]:
    # A killed trainer's last words may stand before it on the line.
    return [json.loads(line[line.index(_RUN) :]) for line in printed.splitlines() if _RUN in line]


def _whole(row: Row, runs: list[dict[str, Any]]) -> None:
    for run, former in zip(runs[1:], runs, strict=False):
        kept = {former["served"], max(run["versions"])}
        row.promise(
            run["served"] in kept, f"step {run['step']}: version {run['served']} of {run['versions']} is served"
        )
    for run in runs:
        row.promise(not run["damaged"], f"step {run['step']}: {run['damaged']}")
