"""Runs the real trainer repeatedly, and kills it, or fills its disk, one step later in each run.

``python -m chaos.kill_at_each_step kill train --no-load`` sends ``SIGKILL`` before the first step, then before the
second, and so on, until a run completes. A step is any change to the repository: Python's audit events
(https://docs.python.org/3.11/library/audit_events.html) report each before it happens, whichever function makes it.
The repository is not repaired between runs: each run starts from what the previous one left.

Each run prints one line of JSON: the step, the exit status, the selected version, and the damaged versions.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from chaos.repository import ModelRepository
from trainer import __main__ as trainer
from trainer.digits import training  # noqa: F401 - imports PyTorch once and not in each fork
from trainer.settings import Settings

_CHANGES = {"open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
BALLAST = "ballast"


class StepCounter:
    """Counts steps, and acts before one of them.

    Args:
        root: The repository; changes elsewhere are not counted.
        at: Number of the step, from 1; 0 for none.
        action: Called before that step.
    """

    def __init__(self, root: Path, at: int, action: Callable[[], None]) -> None:
        self._root, self._at, self._action = f"{root.resolve()}{os.sep}", at, action
        self._is_acting = False
        self.steps = 0

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """Handle an audit event."""
        if self._is_acting or event not in _CHANGES or not self._is_change(event, args):
            return
        self.steps += 1
        if self.steps == self._at:
            self._is_acting = True
            self._action()
            self._is_acting = False

    def _is_change(self, event: str, args: tuple[object, ...]) -> bool:
        if event == "open" and not int(str(args[2] or 0)) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return False
        path = args[0]
        if isinstance(path, int):
            with contextlib.suppress(OSError):
                path = str(Path(f"/proc/self/fd/{path}").readlink())
        if not isinstance(path, (str, bytes)):
            return False
        # Not resolved: the last component may be a symbolic link, or not exist yet.
        return f"{Path(os.fsdecode(path)).absolute()}".startswith(self._root)


def kill() -> None:
    """Send SIGKILL to this process, as the kernel's out-of-memory killer does: no clean-up, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill(folder: Path) -> None:
    """Use all free space of the file system."""
    for mode, size in (("wb", 1 << 16), ("ab", 1)):
        with contextlib.suppress(OSError), (folder / BALLAST).open(mode, buffering=0) as file:
            while True:
                file.write(bytes(size))


def run(root: Path, at: int, action: Callable[[], None], arguments: list[str]) -> tuple[int, int]:
    """Run the trainer in a process of its own; return its exit status, and its number of steps (0 if killed)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        counter = StepCounter(root, at, action)
        status = 1
        try:
            os.dup2(2, 1)  # stdout carries the JSON lines only
            sys.addaudithook(counter)
            status = trainer.main(arguments)
        finally:
            os.write(writer, str(counter.steps).encode())
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        steps = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(steps or 0)


def main() -> int:
    """Act before each step in turn."""
    parser = argparse.ArgumentParser(prog="python -m chaos.kill_at_each_step", description=__doc__)
    parser.add_argument("action", choices=("kill", "fill"))
    parser.add_argument("--every", type=int, default=1, help="act at every Nth step only (1)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the trainer's arguments")
    options = parser.parse_args()
    settings = Settings()
    root = settings.model_repository
    repository = ModelRepository(root, settings.model_name)
    action = kill if options.action == "kill" else lambda: fill(root)
    at = 1
    while True:
        status, steps = run(root, at, action, options.arguments)
        (root / BALLAST).unlink(missing_ok=True)
        state = {
            "served": repository.served(), "versions": repository.versions(), "damaged": repository.damaged(),
            "left": repository.leftovers(),
        }  # fmt: skip
        print(json.dumps({"step": at, "status": status, "steps": steps, **state}), flush=True)
        if status >= 0 and steps < at:  # the run ended before its step: it completed, or the trainer cannot run
            return status
        at += options.every


if __name__ == "__main__":
    sys.exit(main())
