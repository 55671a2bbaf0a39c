"""Commands that see file systems of their own: a tiny one, a read-only one. They are gone with the command."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos import processes
from chaos.errors import Skipped

# As root, and where users may have namespaces of their own.
_WAYS = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])


async def with_tmpfs(folder: Path, kib: int, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command that sees an empty file system of so many KiB at ``folder``; return its status and its words."""
    return await _run(f"mount -t tmpfs -o size={kib}k,mode=0755 tmpfs {shlex.quote(str(folder))}", argv, env)


async def read_only(folder: Path, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command that sees ``folder`` on a file system that can only be read."""
    path = shlex.quote(str(folder))
    return await _run(f"mount --bind {path} {path} && mount -o remount,bind,ro {path}", argv, env)


async def _run(mount: str, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    script = f"{mount} && exec {shlex.join(argv)}"
    return await processes.run([*await _way(env), "sh", "-c", script], env)


async def _way(env: Mapping[str, str]) -> list[str]:
    """Return the command that gives another command mounts of its own.

    Raises:
        Skipped: This machine doesn't let us.
    """
    said = ""
    for way in _WAYS:
        try:
            status, said = await processes.run([*way, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], env)
        except FileNotFoundError as exc:
            raise Skipped("there is no `unshare` here") from exc
        if status == 0:
            return list(way)
    raise Skipped(f"nothing can be mounted here: {said.strip()}")
