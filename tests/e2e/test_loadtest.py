"""``make loadtest``, small, against the real stack."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.process import clean_env

ROOT = Path(__file__).resolve().parents[2]


def argv_of(kind: str, api, triton, results: Path, *more: str) -> list[str]:
    argv = [sys.executable, "-m", "bench.loadtest", kind, "--url", api.url, "--results", str(results), "--any-digit"]
    return [*argv, "--triton-metrics", f"{triton.metrics_url}/metrics", *more]


@pytest.mark.parametrize("kind, levels", [("steps", [20, 40]), ("rate", [40])])
def test_every_step_is_in_the_report_with_tritons_own_counters(api, triton, tmp_path, kind, levels):
    argv = argv_of(kind, api, triton, tmp_path, "--seconds", "3", "--levels", *map(str, levels))
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (folder,) = tmp_path.iterdir()
    report = json.loads((folder / "report.json").read_text())
    assert [step["level"] for step in report["steps"]] == levels
    for step in report["steps"]:
        assert step["failures"] == 0
        assert 0.5 * step["level"] < step["rate"] < 1.5 * step["level"]
        assert 0 < step["p50_ms"] <= step["p95_ms"] <= step["p99_ms"]
        assert step["mean_batch"] >= 1
        assert 0 <= step["queue_share"] <= 1
        assert 0 < step["generator_share"] < 1
    assert len((folder / "steps.csv").read_text().splitlines()) == 1 + len(levels)
    page = (folder / "report.html").read_text()
    assert "locust-01.html" in page
    # Where matplotlib can't be had the report says so, and has the rest.
    assert (folder / "report.png").is_file() or "No picture" in page


def test_interrupted_it_keeps_what_it_has_and_leaves_nothing_running(api, triton, tmp_path):
    argv = argv_of("soak", api, triton, tmp_path, "--start", "10", "--seconds", "3", "--minutes", "5")
    with subprocess.Popen(argv, cwd=ROOT, env=clean_env(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "users:" in line:
                break
        time.sleep(2)  # in the middle of the next step
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "Stopped; what was measured so far is kept." in rest
    (folder,) = tmp_path.iterdir()
    assert len(json.loads((folder / "report.json").read_text())["steps"]) == 1
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(["pgrep", "--full", str(folder)], check=True, capture_output=True)


def test_an_api_that_is_away_is_said(triton, tmp_path):
    argv = [sys.executable, "-m", "bench.loadtest", "steps", "--url", "http://127.0.0.1:1", "--results", str(tmp_path)]
    argv += ["--levels", "5", "--seconds", "2"]
    done = subprocess.run(argv, cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "no answer: ConnectionRefusedError" in done.stdout
