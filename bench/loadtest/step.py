"""One step of a load test: Locust at one level, distributed over all cores and headless, and what it saw."""

import csv
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.errors import LoadFailed
from bench.loadtest.counters import Counters
from bench.loadtest.target import Target
from bench.paths import ROOT

# A process of the generator that takes more than this of a core can't keep its timetable (as Locust itself warns).
BUSY = 0.9
_RAMP_S = 3.0
_WRAPPED = re.compile(r"^CatchResponseError\(['\"](.*)['\"]\)$")
# Locust's processes have to be imported and to meet before the first user starts.
_START_S = 60.0


@dataclass(frozen=True)
class Level:
    """What is asked for: users who each send a request a second, or arrivals a second whoever waits (open loop)."""

    value: float
    is_open: bool = False

    @property
    def users(self) -> int:
        """Return Locust's users: as many as asked for, or one a process that sends on its own timetable."""
        return _processes() if self.is_open else int(self.value)

    @property
    def rate(self) -> float:
        """Return the requests a second of each of them."""
        return self.value / self.users if self.is_open else 1.0


@dataclass(frozen=True)
class Step:
    """What one level gave. Latencies in ms, rates a second, shares from 0 to 1."""

    level: float
    requests: int
    failures: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_batch: float | None  # Triton's count ÷ exec count
    queue_share: float | None  # of the time that a request spends in Triton
    generator_share: float  # of a core, by the busiest of its processes
    idle_share: float  # of the machine
    api_memory_mib: float | None
    failures_by_kind: dict[str, int]

    @property
    def achieved(self) -> float:
        """Return the share of the offered load that was sent and answered."""
        return self.rate / self.level

    @property
    def is_generator_limited(self) -> bool:
        """Say whether the generator itself was the limit."""
        return self.generator_share > BUSY

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, for the report."""
        return asdict(self)


def run(target: Target, level: Level, seconds: float, stem: Path) -> Step:
    """Load the target at one level.

    Args:
        target: What is loaded.
        level: How much.
        seconds: How long it is measured, after the ramp.
        stem: Where Locust's own files go: its CSV files, its HTML page and its log begin with this.

    Raises:
        LoadFailed: Locust can't be run, or nothing was answered.
    """
    argv = [sys.executable, "-m", "loadgen", "--headless", "--users", str(level.users), "--only-summary"]
    argv += ["--spawn-rate", str(max(1.0, level.users / _RAMP_S)), "--reset-stats"]
    argv += ["--run-time", f"{_RAMP_S + seconds:.0f}s", "--csv", str(stem), "--html", f"{stem}.html"]
    # What Locust found wrong stands in its files; its exit status would only say that there is something.
    argv += ["--exit-code-on-error", "0"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOADGEN_")}
    env |= {"LOADGEN_TARGET": target.url, "LOADGEN_RATE": repr(level.rate), "LOADGEN_PROCESSES": str(_processes())}
    env |= {"LOADGEN_OPEN_LOOP": str(level.is_open), **target.loadgen_settings}
    log = Path(f"{stem}.log")
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
        try:
            _wait_for(log, "All users spawned", process)
            looks = [_look(target, process.pid)]
            psutil.cpu_times_percent()
            # The last second is Locust's to end in.
            time.sleep(max(1.0, seconds - 1))
            idle = psutil.cpu_times_percent().idle / 100
            looks.append(_look(target, process.pid))
            process.wait(seconds + _START_S)
        except subprocess.TimeoutExpired as exc:
            raise LoadFailed(f"Locust didn't end; its log: {log}") from exc
        finally:
            _end(process)
    return _step(level, stem, looks, idle, target)


def _processes() -> int:
    return len(os.sched_getaffinity(0))


class _Look(NamedTuple):
    at_s: float
    counters: Counters | None
    processor_s: dict[int, float]  # of each of the generator's processes


def _look(target: Target, pid: int) -> _Look:
    used = {}
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        times = process.cpu_times()
        used[process.pid] = times.user + times.system
    return _Look(time.monotonic(), target.counters(), used)


def _wait_for(log: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + _START_S
    while words not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > give_up_at:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise LoadFailed(f"Locust couldn't start all its users in time ({''.join(last)[:200].strip()}); see {log}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Locust and its workers, by their ids, where they haven't ended by themselves."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    for member in psutil.wait_procs(family, timeout=5)[1]:
        member.kill()
    process.wait()


def read_stats(stem: Path) -> dict[str, str]:
    """Return the line of all requests together in Locust's CSV file.

    Raises:
        LoadFailed: There is none, or nothing was asked.
    """
    file = Path(f"{stem}_stats.csv")
    rows = list(csv.DictReader(file.open(newline=""))) if file.is_file() else []
    if not rows or not int(rows[-1]["Request Count"]):
        raise LoadFailed(f"nothing was asked at this level; Locust's log: {stem}.log")
    return rows[-1]


def read_failures(stem: Path) -> dict[str, int]:
    """Return how often each kind of failure came, wrong digits among them."""
    file = Path(f"{stem}_failures.csv")
    rows = list(csv.DictReader(file.open(newline=""))) if file.is_file() else []
    kinds: Counter[str] = Counter()
    for row in rows:
        kinds[_WRAPPED.sub(r"\1", row["Error"])] += int(row["Occurrences"])
    return dict(kinds)


def _step(level: Level, stem: Path, looks: list[_Look], idle: float, target: Target) -> Step:
    stats, (first, last) = read_stats(stem), looks
    seconds = last.at_s - first.at_s
    used = [(last.processor_s.get(pid, before) - before) / seconds for pid, before in first.processor_s.items()]
    grown = last.counters - first.counters if first.counters and last.counters else None
    return Step(
        level=level.value,
        requests=int(stats["Request Count"]),
        failures=int(stats["Failure Count"]),
        rate=float(stats["Requests/s"]) - float(stats["Failures/s"]),
        p50_ms=float(stats["50%"]),
        p95_ms=float(stats["95%"]),
        p99_ms=float(stats["99%"]),
        mean_batch=grown.mean_batch() if grown else None,
        queue_share=grown.queue_share() if grown else None,
        generator_share=max(used, default=0.0),
        idle_share=idle,
        api_memory_mib=target.api_memory_mib(),
        failures_by_kind=read_failures(stem),
    )
