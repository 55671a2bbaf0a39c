"""One real process of the stack under test."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

BIN = Path(sys.executable).parent


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_env(**changes: str) -> dict[str, str]:
    """Return this process's environment without settings of the stack, with ``changes``, our programs on the path."""
    prefixes = ("API_", "TRITON_", "TRAINER_", "LOADGEN_", "STACK_")
    env = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    if "TRAINER_DATA_DIR" in os.environ:
        env["TRAINER_DATA_DIR"] = os.environ["TRAINER_DATA_DIR"]
    env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"
    return env | changes


def answers(url: str, timeout_s: float = 5) -> bool:
    """Say whether ``url`` answers with a success."""
    try:
        # Only whether it answers: whose certificate it is, tests of that ask by themselves.
        with urllib.request.urlopen(url, timeout=timeout_s, context=ssl._create_unverified_context()):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_until(condition: Callable[[], bool], within_s: float, what: str) -> float:
    """Wait until ``condition`` holds; return the seconds it took.

    Raises:
        TimeoutError: It didn't within ``within_s``.
    """
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > within_s:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(0.05)
    return time.monotonic() - start


class Process:
    """A process with its log in a file, in a process group of its own.

    Args:
        argv: The command.
        log: File for what it prints; appended to.
        env: Its environment.
        cwd: Its working directory.
    """

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self.argv, self.log, self.env, self.cwd = list(argv), log, dict(env), cwd
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    def start(self) -> None:
        with self.log.open("ab") as out:
            self._popen = subprocess.Popen(
                self.argv, stdout=out, stderr=out, env=self.env, cwd=self.cwd, start_new_session=True
            )

    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def wait_for(self, url: str, within_s: float = 60) -> float:
        """Wait until ``url`` answers; a process that ends before shows the end of its log."""

        def condition() -> bool:
            if not self.is_running():
                raise RuntimeError(f"{self.argv[0]} ended:\n{self.tail()}")
            return answers(url)

        try:
            return wait_until(condition, within_s, url)
        except TimeoutError as exc:
            raise TimeoutError(f"{exc}\n{self.tail()}") from exc

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, within_s: float) -> int:
        assert self._popen is not None
        return self._popen.wait(within_s)

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 40) -> int | None:
        """End it and what it started; return its exit status."""
        if self._popen is None:
            return None
        if self._popen.poll() is None:
            self.send(number)
        try:
            return self._popen.wait(within_s)
        finally:
            self._end_group()

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def group(self) -> list[int]:
        """Return the ids of the processes of its group that still run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.pid and fields[0] != "Z":
                found.append(int(folder.name))
        return found

    def _end_group(self) -> None:
        if self.group():
            os.killpg(self.pid, signal.SIGKILL)
        assert self._popen is not None
        self._popen.wait(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
