"""Versions come and go under load, and damaged ones don't come at all."""

import time
from collections.abc import Callable

from chaos import versions
from chaos.errors import ChaosError
from chaos.row import Row
from chaos.scene import GENTLE_S, TINY_TRAINING, Scene

_DAMAGED_EXIT = 8  # trainer.errors


async def reloaded(scene: Scene) -> Row:
    """Bring a new version into the running Triton, and roll back."""
    row = Row("the model reloaded (a new version), and rolled back")
    repository = scene.model()
    former = versions.served(repository)
    new = versions.add(repository)
    async with scene.under_load(row, pause_s=GENTLE_S) as (load, probe):
        started = time.monotonic()
        for version in (new, former):
            wrong = await scene.serve(version)
            row.promise(not wrong, wrong)
            await load.answered(100)
        row.recovered_s = time.monotonic() - started
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    row.promise(set(load.tally.by_version) == {str(former), str(new)}, f"versions {set(load.tally.by_version)}")
    row.notes.append(f"slowest answer {load.tally.slowest_s():.1f} s")
    return row


async def truncated(scene: Scene, kind: str = "") -> Row:
    """Cut the model's file in half, and have Triton load it.

    Args:
        scene: The scene.
        kind: Format of the model; that of the served one if empty.
    """
    return await _damaged(scene, kind, "truncated", lambda content: content[: len(content) // 2])


async def tampered(scene: Scene, kind: str = "") -> Row:
    """Change one bit in the middle of the model's file, and have Triton load it.

    Args:
        scene: The scene.
        kind: Format of the model; that of the served one if empty.
    """

    def flip(content: bytes) -> bytes:
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]

    return await _damaged(scene, kind, "tampered with", flip)


async def _another(scene: Scene, kind: str) -> int:
    """Add a version that isn't served: a copy of the served one, or trained in another format."""
    repository = scene.model()
    if not kind:
        return versions.add(repository)
    former = versions.served(repository)
    status, printed = await scene.trainer("train", "--no-load", TRAINER_FORMAT=kind, **TINY_TRAINING)
    if status:
        raise ChaosError(f"no {kind}: {printed[-300:]}")
    new = versions.served(repository)
    versions.name(repository, former)
    return new


async def _damaged(scene: Scene, kind: str, how: str, damage: Callable[[bytes], bytes]) -> Row:
    repository = scene.model()
    former = versions.served(repository)
    bad = await _another(scene, kind)
    file = versions.model_file(repository, bad)
    file.write_bytes(damage(file.read_bytes()))
    row = Row(f"{file.name} {how}, and Triton told to load it")
    async with scene.under_load(row, pause_s=GENTLE_S) as (load, probe):
        if not scene.is_short:
            status, printed = await scene.trainer("rollback", "--to", str(bad))
            row.promise(status == _DAMAGED_EXIT and "SHA-256" in printed, f"the trainer took it: {status} {printed}")
            row.promise(versions.served(repository) == former, "the trainer moved the pointer")
        # As somebody might who goes past the trainer.
        versions.name(repository, bad)
        refused = await scene.triton.load()
        row.promise(refused is not None and "SHA-256" in refused, f"Triton took it: {refused}")
        await load.answered(100)
        wrong = await scene.serve(former)
        row.promise(not wrong, wrong)
        await load.answered(50)
    row.none_failed(load.tally)
    row.stayed_ready(probe.said())
    row.promise(set(load.tally.by_version) == {str(former)}, f"versions {set(load.tally.by_version)} answered")
    return row
