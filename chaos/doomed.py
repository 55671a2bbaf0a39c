"""Runs the real trainer again and again, and each time something happens to it one step later.

``python -m chaos.doomed kill train --no-load`` ends it by ``SIGKILL`` before its first step, its second, and so on,
until it gets through. A step is whatever changes the repository: Python tells of each before it is done, by its audit
events (https://docs.python.org/3.11/library/audit_events.html), so none can be left out by looking for the wrong name.
The repository is never mended in between: each run starts from what the last one left.

One line of JSON a run goes to stdout: the step, the exit status, what is published, and what is damaged.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from modelrepo.errors import RepositoryError
from modelrepo.repository import Repository
from trainer import __main__ as trainer
from trainer.digits import training  # noqa: F401  PyTorch, once and not in each fork
from trainer.settings import Settings

_CHANGES = {"open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
BALLAST = "ballast"


class Countdown:
    """Counts steps, and does something before the step ``at``.

    Args:
        root: The repository; what happens elsewhere isn't counted.
        at: Which step, from 1; 0 is never.
        what: What is done.
    """

    def __init__(self, root: Path, at: int, what: Callable[[], None]) -> None:
        self._root, self._at, self._what = f"{root.resolve()}{os.sep}", at, what
        self._is_busy = False
        self.steps = 0

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """Take an audit event."""
        if self._is_busy or event not in _CHANGES or not self._is_here(event, args):
            return
        self.steps += 1
        if self.steps == self._at:
            self._is_busy = True
            self._what()
            self._is_busy = False

    def _is_here(self, event: str, args: tuple[object, ...]) -> bool:
        if event == "open" and not int(str(args[2] or 0)) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return False
        path = args[0]
        if isinstance(path, int):
            with contextlib.suppress(OSError):
                path = str(Path(f"/proc/self/fd/{path}").readlink())
        if not isinstance(path, (str, bytes)):
            return False
        # Not resolved: the last part may be a link, or not be there yet.
        return f"{Path(os.fsdecode(path)).absolute()}".startswith(self._root)


def kill() -> None:
    """End this process as the kernel would where memory is short: no clean-up, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill(folder: Path) -> None:
    """Take all the space that the file system has left."""
    with contextlib.suppress(OSError), (folder / BALLAST).open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    with contextlib.suppress(OSError), (folder / BALLAST).open("ab", buffering=0) as file:
        while True:
            file.write(b"x")


def run(root: Path, at: int, what: Callable[[], None], arguments: list[str]) -> tuple[int, int]:
    """Run the trainer in a process of its own; return its exit status, and the steps that it took if it told."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        countdown = Countdown(root, at, what)
        status = 1
        try:
            os.dup2(2, 1)  # its own words aren't ours
            sys.addaudithook(countdown)
            status = trainer.main(arguments)
        finally:
            os.write(writer, str(countdown.steps).encode())
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(told or 0)


def state(repository: Repository) -> dict[str, object]:
    """Return what is published, and the versions that aren't whole."""
    damaged = {}
    for version in repository.versions():
        try:
            repository.model(version)
        except RepositoryError as exc:
            damaged[version] = str(exc)
    leftovers = [path.name for path in repository.folder.glob(".*")]
    return {"served": repository.served(), "versions": repository.versions(), "damaged": damaged, "left": leftovers}


def main() -> int:
    """Go through the steps."""
    parser = argparse.ArgumentParser(prog="python -m chaos.doomed", description=__doc__)
    parser.add_argument("what", choices=("kill", "fill"))
    parser.add_argument("--every", type=int, default=1, help="try every so manieth step only (1)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the trainer's")
    options = parser.parse_args()
    settings = Settings()
    root = settings.model_repository
    repository = Repository(root, settings.model_name)
    what = kill if options.what == "kill" else lambda: fill(root)
    at = 1
    while True:
        status, steps = run(root, at, what, options.arguments)
        (root / BALLAST).unlink(missing_ok=True)
        print(json.dumps({"step": at, "status": status, "steps": steps, **state(repository)}), flush=True)
        if status >= 0 and steps < at:  # nothing happened to it: it got through, or can't be run at all
            return status
        at += options.every


if __name__ == "__main__":
    sys.exit(main())
