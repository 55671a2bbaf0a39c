"""What the load tools print, and what counts as a good run."""

import json

import pytest

from bench import perf_analyzer, wrk
from bench.errors import LoadFailed

SEEN = {
    "requests": 1000, "duration_us": 2_000_000, "p50_us": 1500, "p90_us": 2500, "p99_us": 9000, "status": 0,
    "connect": 0, "read": 0, "write": 0, "timeout": 0, "late": 5, "departures": 100,
}  # fmt: skip
CSV = "Concurrency,Inferences/Second,p50 latency,p90 latency,p99 latency\n64,6784.5,8000,12000,23700\n"


def test_wrks_line_is_read():
    load = wrk.parse(f"Running 2s test\n{json.dumps(SEEN)}\n")
    assert (load.rate, load.p50_ms, load.p99_ms, load.late_share) == (500.0, 1.5, 9.0, 0.05)


def test_failures_are_no_answers():
    assert wrk.parse(json.dumps(SEEN | {"status": 100, "timeout": 100})).rate == 400.0


def test_output_without_a_result_says_what_there_was():
    with pytest.raises(LoadFailed, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1")


@pytest.mark.parametrize("changes", [{"requests": 0}, {"status": 11}])
def test_a_run_that_mostly_failed_gives_no_figure(changes):
    with pytest.raises(LoadFailed):
        wrk.judge(wrk.parse(json.dumps(SEEN | changes)))


def test_perf_analyzers_report_is_read_in_ms():
    load = perf_analyzer.parse(CSV, 10)
    assert (load.rate, load.p50_ms, load.p99_ms) == (6784.5, 8.0, 23.7)


@pytest.mark.parametrize("report", ["", "Concurrency,Inferences/Second\n64,fast\n"])
def test_another_report_is_refused(report):
    with pytest.raises(LoadFailed, match="can't be read"):
        perf_analyzer.parse(report, 10)
