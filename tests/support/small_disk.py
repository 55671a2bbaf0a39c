"""A small file system for one process, in a mount namespace that ends with it."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

# The first works as root, the second where the kernel allows unprivileged user namespaces.
_COMMANDS = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])


def on_small_disk(argv: Sequence[str], folder: Path, size: str) -> list[str]:
    """Return the command for which a folder is an empty file system of a size such as ``2m``.

    Skips the test where this machine allows no mounts.
    """
    for command in _COMMANDS if shutil.which("unshare") else ():
        probe = [*command, "sh", "-c", f"mount -t tmpfs tmpfs '{folder}'"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            script = f"mount -t tmpfs -o size={size} tmpfs '{folder}' && exec \"$@\""
            return [*command, "sh", "-c", script, "sh", *argv]
    pytest.skip("this machine allows no mount, which a small file system needs")
