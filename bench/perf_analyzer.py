"""Load on Triton itself by NVIDIA's perf_analyzer: gRPC, C++, one row a call."""

import csv
import io
import subprocess
import tempfile
from pathlib import Path

from bench.errors import LoadFailed
from bench.tools import Tool
from bench.wrk import Load, judge

# It reports the mean of three windows once they agree; any three are taken, spread is seen by repeating the run.
_WINDOWS = 3
_ANY = 999
_US_A_MS = 1000


def run(
    tool: Tool, grpc_url: str, model: str, seconds: float, *, concurrency: int = 64, rate: float | None = None
) -> Load:
    """Load a model.

    Args:
        tool: perf_analyzer.
        grpc_url: Triton's ``host:port``.
        model: Its name.
        seconds: About how long, in all.
        concurrency: Calls under way at a time.
        rate: Calls a second at random (Poisson) times; ``concurrency`` then plays no part.

    Raises:
        LoadFailed: perf_analyzer failed, or its report can't be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.csv"
        argv = [tool.path, "-m", model, "-u", grpc_url, "-i", "grpc", "-b", "1", "-f", str(report)]
        argv += [
            "--measurement-mode=time_windows",
            f"--measurement-interval={max(200, int(seconds * 1000 / _WINDOWS))}",
        ]
        argv += [f"--stability-percentage={_ANY}", f"--max-trials={_WINDOWS}", "--async"]
        if rate is None:
            argv += [f"--concurrency-range={concurrency}"]
        else:
            argv += [f"--request-rate-range={rate:.0f}", "--request-distribution=poisson"]
        try:
            done = subprocess.run(
                argv, env=tool.env(), cwd=folder, capture_output=True, text=True, check=False, timeout=seconds + 60
            )
        except subprocess.TimeoutExpired as exc:
            raise LoadFailed("perf_analyzer didn't end") from exc
        if done.returncode or not report.is_file():
            raise LoadFailed(f"perf_analyzer: {(done.stderr or done.stdout).strip()[-300:]}")
        return judge(parse(report.read_text(), seconds))


def parse(report: str, seconds: float) -> Load:
    """Read its CSV report of one level of load.

    Raises:
        LoadFailed: It isn't one.
    """
    rows = list(csv.DictReader(io.StringIO(report)))
    try:
        row = rows[0]
        rate = float(row["Inferences/Second"])
        percentiles = [float(row[f"p{number} latency"]) / _US_A_MS for number in (50, 90, 99)]
    except (IndexError, KeyError, ValueError) as exc:
        raise LoadFailed(f"perf_analyzer's report can't be read: {report[:200]}") from exc
    return Load(round(rate * seconds), 0, seconds, *percentiles)
