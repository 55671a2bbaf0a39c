"""A publish is killed, fills the disk, meets another one, or may not write: the published versions stay intact."""

import json
import time
from typing import Any

from chaos import mounts, processes
from chaos.result import Result
from chaos.scenario import LIGHT_PAUSE_S, Scenario
from chaos.training import TINY_TRAINING, python, trainer_argv

_RUN = '{"step"'
_NOT_WRITABLE_EXIT, _LOCKED_EXIT, _KILLED = 6, 7, -9  # trainer.errors; SIGKILL
_FULL_MESSAGE = "make room and try again"
_ROOM_KIB = 32 << 10  # more than the trainer requires before it starts
_NO_ROOM_KIB = 12 << 10  # holds the copy of the repository, less than the trainer requires


async def killed(scenario: Scenario, result: Result) -> None:
    """Kill the trainer before each of its changes to the repository, in one run after another."""
    served = scenario.repository.served_version()
    async with scenario.under_load(result, pause_s=LIGHT_PAUSE_S) as (load, probe):
        argv = _at_each_step(scenario, "kill")
        status, output = await processes.run(argv, scenario.trainer_env(**TINY_TRAINING))
        runs = _parse_runs(output)
        result.require(status == 0 and len(runs) > 1, f"status {status} after {len(runs)} runs: {output[-500:]}")
        # The repository needs no repair: the next command has to succeed.
        status, output = await scenario.trainer("rollback", "--to", str(served))
        result.require(status == 0, f"rollback: status {status}, {output}")
        await load.wait_answered(50)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    result.require(all(run["status"] == _KILLED for run in runs[:-1]), "a SIGKILL did not end the trainer")
    _require_intact(result, runs)
    result.require(not runs[-1]["left"], f"temporary files left: {runs[-1]['left']}")
    result.notes.append(f"{len(runs) - 1} kills in {runs[-1]['steps']} steps")


async def disk_full(scenario: Scenario, result: Result) -> None:
    """Fill the disk before each of the publish's changes, then before its start."""
    mount = scenario.folder / "tmpfs"
    mount.mkdir()
    env = scenario.trainer_env(**TINY_TRAINING, TRAINER_MODEL_REPOSITORY=str(mount / "models"))
    copy = f"cp -r {scenario.repository.root} {mount}/models && exec"
    command = f"{copy} {' '.join(_at_each_step(scenario, 'fill'))}"
    status, output = await mounts.with_tmpfs(mount, _ROOM_KIB, ["sh", "-c", command], env)
    runs = _parse_runs(output)
    result.require(status == 0 and len(runs) > 1, f"status {status} after {len(runs)} runs: {output[-500:]}")
    failed = [run["status"] for run in runs if run["status"] != 0]
    result.require(set(failed) == {_NOT_WRITABLE_EXIT}, f"exit statuses {failed}, {_NOT_WRITABLE_EXIT} expected")
    messages = output.count(_FULL_MESSAGE)
    result.require(messages == len(failed), f"{messages} clear error messages in {len(failed)} failed runs")
    _require_intact(result, runs)
    command = f"{copy} {' '.join(trainer_argv('train', '--no-load'))}"
    status, output = await mounts.with_tmpfs(mount, _NO_ROOM_KIB, ["sh", "-c", command], env)
    refused = status == _NOT_WRITABLE_EXIT and _FULL_MESSAGE in output
    result.require(refused, f"on a full disk: status {status}, {output}")
    result.notes.append(f"full at {len(runs) - 1} of {runs[-1]['steps']} steps, exit status 6 at {len(failed)}")


async def read_only(scenario: Scenario, result: Result) -> None:
    """Publish and roll back on a read-only file system."""
    repository = scenario.repository
    before = repository.served_version(), repository.versions()
    env = scenario.trainer_env(**TINY_TRAINING)
    started = time.monotonic()
    for command in (["train"], ["rollback", "--to", str(before[0])]):
        status, output = await mounts.read_only(repository.root, trainer_argv(*command), env)
        refused = status == _NOT_WRITABLE_EXIT and "can't be written" in output
        result.require(refused, f"{command[0]}: status {status}, {output}")
    result.notes.append(f"both refused in {time.monotonic() - started:.1f} s")
    result.require((repository.served_version(), repository.versions()) == before, "the repository changed")


async def two_at_once(scenario: Scenario, result: Result) -> None:
    """Start a second training during the first."""
    served = scenario.repository.served_version()
    async with scenario.under_load(result, pause_s=LIGHT_PAUSE_S) as (load, probe):
        first = await scenario.start_trainer("train", "--no-load")
        try:
            assert first.stdout is not None
            await first.stdout.readline()  # printed after the trainer has taken the lock
            status, output = await scenario.trainer("train", "--no-load")
            refused = status == _LOCKED_EXIT and "another trainer" in output
            result.require(refused, f"the second: status {status}, {output}")
            await first.communicate()
        finally:
            processes.end(first)
        result.require(first.returncode == 0, f"the first: status {first.returncode}")
        status, output = await scenario.trainer("rollback", "--to", str(served))
        result.require(status == 0, f"rollback: status {status}, {output}")
        await load.wait_answered(50)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    damaged = scenario.repository.damaged()
    result.require(not damaged, f"damaged versions: {damaged}")


def _at_each_step(scenario: Scenario, action: str) -> list[str]:
    # Every step takes a training, so the short form tries one step of eight.
    every = "8" if scenario.is_short else "1"
    return [python(), "-m", "chaos.kill_at_each_step", "--every", every, action, "train", "--no-load"]


def _parse_runs(output: str) -> list[dict[str, Any]]:
    # A line may begin with unfinished output of a killed trainer.
    return [json.loads(line[line.index(_RUN) :]) for line in output.splitlines() if _RUN in line]


def _require_intact(result: Result, runs: list[dict[str, Any]]) -> None:
    for run, previous in zip(runs[1:], runs, strict=False):
        allowed = {previous["served"], max(run["versions"])}
        result.require(run["served"] in allowed, f"step {run['step']}: version {run['served']} is selected")
    for run in runs:
        result.require(not run["damaged"], f"step {run['step']}: {run['damaged']}")
