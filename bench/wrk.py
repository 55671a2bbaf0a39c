"""HTTP load by wrk: a closed loop, or a fixed rate of arrivals; and what its script prints at the end."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import LoadFailed
from bench.paths import BENCH
from bench.tools import Tool

JSON_HEADERS = {"content-type": "application/json"}
# A request that takes longer counts as failed.
_TIMEOUT_S = 5


class Load(NamedTuple):
    """What one run of a load tool saw; a failure is anything but a 2xx or 3xx answer."""

    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    late_share: float = 0.0  # of a fixed rate's departures, those that found every connection busy

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return (self.requests - self.failures) / self.seconds


class Target(NamedTuple):
    """What is asked."""

    url: str
    bodies: Path  # folder with files 000, 001, …
    headers: Mapping[str, str] = JSON_HEADERS


def write_bodies(folder: Path, bodies: Sequence[bytes]) -> Path:
    """Write request bodies where wrk's script finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for number, body in enumerate(bodies):
        (folder / f"{number:03d}").write_bytes(body)
    return folder


def run(tool: Tool, target: Target, seconds: float, *, connections: int = 64, rate: float | None = None) -> Load:
    """Load a target.

    Args:
        tool: wrk.
        target: What to ask.
        seconds: How long; wrk counts whole seconds.
        connections: Kept-alive connections.
        rate: Arrivals a second; without one each connection asks again as soon as it has its answer.

    Raises:
        LoadFailed: wrk failed, nothing was answered, or more than one answer in a hundred was a failure.
    """
    whole = max(1, round(seconds))
    env = {
        **tool.env(),
        "BENCH_BODIES": str(target.bodies),
        "BENCH_HEADERS": ";".join(f"{name}:{value}" for name, value in target.headers.items()),
    }
    if rate is not None:
        env["BENCH_RATE"] = f"{rate:.3f}"
    # One thread: it has cores to spare for what is measured, and a rate needs one timetable.
    argv = [
        tool.path,
        "--threads=1",
        f"--connections={connections}",
        f"--duration={whole}s",
        f"--timeout={_TIMEOUT_S}s",
    ]
    argv += [f"--script={BENCH / 'lua/post.lua'}", target.url]
    try:
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=whole + 60)
    except subprocess.TimeoutExpired as exc:
        raise LoadFailed(f"wrk didn't end {whole + 60} s after its start") from exc
    if done.returncode:
        raise LoadFailed(f"wrk: {(done.stderr or done.stdout).strip()[-300:]}")
    return judge(parse(done.stdout))


def parse(output: str) -> Load:
    """Read what the script prints at the end.

    Raises:
        LoadFailed: There is no such line.
    """
    for line in reversed(output.splitlines()):
        if line.startswith('{"requests"'):
            seen = json.loads(line)
            break
    else:
        raise LoadFailed(f"wrk printed no result: {output.strip()[-300:]}")
    failures = sum(seen[kind] for kind in ("status", "connect", "read", "write", "timeout"))
    return Load(
        requests=seen["requests"],
        failures=failures,
        seconds=seen["duration_us"] / 1e6,
        p50_ms=seen["p50_us"] / 1e3,
        p90_ms=seen["p90_us"] / 1e3,
        p99_ms=seen["p99_us"] / 1e3,
        late_share=seen["late"] / seen["departures"] if seen["departures"] else 0.0,
    )


def judge(load: Load) -> Load:
    """Return the load, if its requests succeeded.

    Raises:
        LoadFailed: More than one in a hundred failed, or there were none.
    """
    if not load.requests:
        raise LoadFailed("nothing was answered")
    if load.failures * 100 > load.requests:
        raise LoadFailed(f"{load.failures} of {load.requests} requests failed")
    return load
