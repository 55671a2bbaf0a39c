"""Versions are loaded under load; the trainer and Triton refuse damaged ones."""

import time
from collections.abc import Callable

from chaos.errors import ChaosError
from chaos.result import Result
from chaos.scenario import LIGHT_PAUSE_S, Scenario
from chaos.training import TINY_TRAINING

_DAMAGED_EXIT = 8  # trainer.errors.RepositoryDamaged


async def reloaded(scenario: Scenario, result: Result) -> None:
    """Load a new version into the running Triton, and roll back."""
    old = scenario.repository.served_version()
    new = scenario.repository.add()
    async with scenario.under_load(result, pause_s=LIGHT_PAUSE_S) as (load, probe):
        started = time.monotonic()
        for version in (new, old):
            error = await scenario.serve(version)
            result.require(not error, error)
            await load.wait_answered(100)
        result.recovered_s = time.monotonic() - started
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    versions = set(load.counts.by_version)
    result.require(versions == {str(old), str(new)}, f"versions {versions} answered")
    result.notes.append(f"slowest answer {load.counts.slowest_s():.1f} s")


async def truncated(scenario: Scenario, result: Result, kind: str = "") -> None:
    """Cut a model file in half, and load it.

    Args:
        scenario: The scenario.
        result: The result.
        kind: Format of the model; the served model's if empty.
    """
    await _damage(scenario, result, kind, lambda content: content[: len(content) // 2])


async def tampered(scenario: Scenario, result: Result, kind: str = "") -> None:
    """Change one bit in the middle of a model file, and load it.

    Args:
        scenario: The scenario.
        result: The result.
        kind: Format of the model; the served model's if empty.
    """

    def flip(content: bytes) -> bytes:
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]

    await _damage(scenario, result, kind, flip)


async def _damage(scenario: Scenario, result: Result, kind: str, change: Callable[[bytes], bytes]) -> None:
    repository, good = scenario.repository, scenario.repository.served_version()
    bad = await _train(scenario, kind) if kind else repository.add()
    file = repository.model_path(bad)
    file.write_bytes(change(file.read_bytes()))
    async with scenario.under_load(result, pause_s=LIGHT_PAUSE_S) as (load, probe):
        if not scenario.is_short:
            status, output = await scenario.trainer("rollback", "--to", str(bad))
            refused = status == _DAMAGED_EXIT and "SHA-256" in output
            result.require(refused, f"the trainer did not refuse it: status {status}, {output}")
            result.require(repository.served_version() == good, "the trainer selected another version")
        # Bypasses the trainer's check.
        repository.select(bad)
        error = await scenario.triton.load()
        result.require(error is not None and "SHA-256" in error, f"Triton did not refuse it: {error}")
        await load.wait_answered(100)
        error = await scenario.serve(good)
        result.require(not error, error)
        await load.wait_answered(50)
    result.require_no_failures(load.counts)
    result.require_ready(probe.codes())
    versions = set(load.counts.by_version)
    result.require(versions == {str(good)}, f"versions {versions} answered")


async def _train(scenario: Scenario, kind: str) -> int:
    """Train a version in a format, without selecting it; return its number."""
    served = scenario.repository.served_version()
    status, output = await scenario.trainer("train", "--no-load", TRAINER_FORMAT=kind, **TINY_TRAINING)
    if status:
        raise ChaosError(f"the training of a {kind} model failed with status {status}: {output[-300:]}")
    new = scenario.repository.served_version()
    scenario.repository.select(served)
    return new
