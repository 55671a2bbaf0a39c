"""A server under test: started with its log in a file, and ended with all that it started."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from bench.errors import StartFailed

_OURS = ("API_", "TRITON_", "TRAINER_", "LOADGEN_", "STACK_", "BENCH_")


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_env(path_first: Path, **changes: str) -> dict[str, str]:
    """Return this process's environment without the stack's settings, with ``changes``.

    Args:
        path_first: Folder of programs that goes before all others.
        changes: Variables to set.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    env["PATH"] = f"{path_first}{os.pathsep}{env.get('PATH', '')}"
    return env | changes


def answers(url: str) -> bool:
    """Say whether ``url`` answers with a success."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


class Server:
    """One process and its children.

    Args:
        argv: The command.
        log: File for what it prints; written anew.
        env: Its environment.
        cwd: Its working directory.
    """

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("wb") as out:
            # A session of its own: Ctrl-C reaches us alone, and we end it in order.
            self._popen = subprocess.Popen(
                list(argv), stdout=out, stderr=out, env=dict(env), cwd=cwd, start_new_session=True
            )
        self.process = psutil.Process(self._popen.pid)

    def family(self) -> list[psutil.Process]:
        """Return the process and all that it started, as far as they still run."""
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def wait_until(self, condition: Callable[[], bool], within_s: float) -> None:
        """Wait until ``condition`` holds.

        Raises:
            StartFailed: It doesn't in time, or the process ends.
        """
        deadline = time.monotonic() + within_s
        while not condition():
            if self._popen.poll() is not None:
                raise StartFailed(f"ended with status {self._popen.returncode}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"wasn't ready within {within_s:g} s: {self.last_words()}")
            time.sleep(0.2)

    def stop(self, within_s: float = 25) -> None:
        """Ask it to end, and end by id what is left of its family."""
        family = self.family()
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(within_s)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()
        _, alive = psutil.wait_procs(family, timeout=3)
        for process in alive:
            if process.is_running():  # psutil compares the start time, so that a reused id is left alone
                process.kill()
        psutil.wait_procs(alive, timeout=5)

    def last_words(self, lines: int = 4) -> str:
        """Return the end of its log on one line."""
        text = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return " / ".join(line.strip() for line in text[-lines:] if line.strip())[-600:]
