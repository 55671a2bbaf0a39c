"""One step of a load test: Locust at one level, distributed over all cores and headless, and what it saw."""

import csv
import os
import re
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.contenders.catalogue import own_programs
from bench.errors import LoadFailed, StartFailed
from bench.loadtest.counters import Counters
from bench.loadtest.target import Target
from bench.paths import ROOT
from bench.process import Server, clean_env

# A process of the generator that takes more than this of a core can't keep its timetable (as Locust itself warns).
BUSY = 0.9
_RAMP_S = 3.0
# What the api says beyond its limits, which a load test is there to find.
_REFUSALS = {"status 503: overloaded", "status 504: deadline_exceeded"}
_WRAPPED = re.compile(r"^CatchResponseError\(['\"](.*)['\"]\)$")
# Locust's processes have to be imported and to meet before the first user starts.
_START_S = 60.0


@dataclass(frozen=True)
class Level:
    """The load: users that each send a request a second, or arrivals a second however many wait (open loop)."""

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
    def faults(self) -> int:
        """Return the failures that aren't honest refusals of what is too much."""
        return sum(count for kind, count in self.failures_by_kind.items() if kind not in _REFUSALS)

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
    env = clean_env(
        own_programs(),
        LOADGEN_TARGET=target.url,
        LOADGEN_RATE=repr(level.rate),
        LOADGEN_PROCESSES=str(_processes()),
        LOADGEN_OPEN_LOOP=str(level.is_open),
        **target.loadgen_settings,
    )
    log = Path(f"{stem}.log")
    locust = Server(argv, log, env, ROOT)
    try:
        locust.wait_until(lambda: "All users spawned" in log.read_text(errors="replace"), _START_S)
        looks = [_look(target, locust)]
        psutil.cpu_times_percent()
        # The last second is Locust's to end in.
        time.sleep(max(1.0, seconds - 1))
        idle = psutil.cpu_times_percent().idle / 100
        looks.append(_look(target, locust))
        locust.process.wait(seconds + _START_S)
    except (StartFailed, psutil.Error) as exc:
        raise LoadFailed(f"Locust didn't start all its users, or didn't end, in time; its log: {log}") from exc
    finally:
        locust.stop()
    return _step(level, stem, looks, idle, target)


def _processes() -> int:
    return len(os.sched_getaffinity(0))


class _Look(NamedTuple):
    at_s: float
    counters: Counters | None
    processor_s: dict[int, float]  # of each of the generator's processes


def _look(target: Target, locust: Server) -> _Look:
    used = {}
    for process in locust.family():
        times = process.cpu_times()
        used[process.pid] = times.user + times.system
    return _Look(time.monotonic(), target.counters(), used)


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
