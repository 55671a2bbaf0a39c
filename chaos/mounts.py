"""Commands with a mount namespace of their own: a small or read-only file system that ends with the command."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos import processes
from chaos.errors import Skipped

# The first works as root, the second where the kernel allows unprivileged user namespaces.
_COMMANDS = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])


async def with_tmpfs(folder: Path, kib: int, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command for which ``folder`` is an empty file system of ``kib`` KiB; return its exit status and output."""
    return await _run(f"mount -t tmpfs -o size={kib}k,mode=0755 tmpfs {shlex.quote(str(folder))}", argv, env)


async def read_only(folder: Path, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command for which ``folder`` is on a read-only file system; return its exit status and output."""
    path = shlex.quote(str(folder))
    return await _run(f"mount --bind {path} {path} && mount -o remount,bind,ro {path}", argv, env)


async def _run(mount: str, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    script = f"{mount} && exec {shlex.join(argv)}"
    return await processes.run([*await _find_unshare(env), "sh", "-c", script], env)


async def _find_unshare(env: Mapping[str, str]) -> list[str]:
    """Return the command that runs another command in a mount namespace of its own.

    Raises:
        Skipped: The machine lacks ``unshare`` or denies mounts.
    """
    output = ""
    for command in _COMMANDS:
        try:
            status, output = await processes.run([*command, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], env)
        except FileNotFoundError as exc:
            raise Skipped("needs `unshare` (package util-linux)") from exc
        if status == 0:
            return list(command)
    raise Skipped(f"needs the right to mount a file system: {output.strip()}")
