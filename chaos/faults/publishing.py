"""The trainer may not write: a clear error, and what was published stays as it was."""

import time

from bench.contenders.catalogue import own_programs
from chaos import mounts, versions
from chaos.row import Row
from chaos.scene import TINY_TRAINING, Scene

_UNWRITABLE_EXIT = 6  # trainer.errors


async def read_only(scene: Scene) -> Row:
    """Publish and roll back where nothing can be written."""
    row = Row("publish, rollback on a read-only file system")
    repository = scene.model()
    before = versions.served(repository), repository.versions()
    env = scene.trainer_env(**TINY_TRAINING)
    started = time.monotonic()
    for command in (["train"], ["rollback", "--to", str(before[0])]):
        argv = [str(own_programs() / "python"), "-m", "trainer", *command]
        status, printed = await mounts.read_only(scene.repository, argv, env)
        row.promise(status == _UNWRITABLE_EXIT and "can't be written" in printed, f"{command[0]}: {status} {printed}")
    row.notes.append(f"refused in {time.monotonic() - started:.1f} s, both")
    row.promise((versions.served(repository), repository.versions()) == before, "something changed")
    return row
