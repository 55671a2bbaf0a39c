"""Where latency leaves its floor, and what is read on the way there."""

import argparse
import dataclasses

import pytest

from bench.errors import LoadFailed
from bench.loadtest import counters, knee, report
from bench.loadtest.__main__ import _levels
from bench.loadtest.step import Level, Step, read_failures, read_stats

METRICS = """# HELP nv_inference_count Number of inferences performed
nv_inference_count{model="mnist_cnn",version="1"} 100
nv_inference_count{model="mnist_cnn",version="2"} 300
nv_inference_count{model="other",version="1"} 7777
nv_inference_exec_count{model="mnist_cnn",version="2"} 50
nv_inference_request_duration_us{model="mnist_cnn",version="2"} 1000
nv_inference_queue_duration_us{model="mnist_cnn",version="2"} 250
"""


def step(level: float, p50_ms: float, **changes) -> Step:
    """Return a level of which everything was done."""
    return dataclasses.replace(
        Step(
            level=level, requests=int(level * 10), failures=0, rate=level, p50_ms=p50_ms, p95_ms=p50_ms * 2,
            p99_ms=p50_ms * 4, mean_batch=4.0, queue_share=0.1, generator_share=0.3, idle_share=0.4,
            api_memory_mib=None, failures_by_kind={},
        ),
        **changes,
    )  # fmt: skip


def test_the_knee_lies_between_the_last_level_that_holds_and_the_next():
    found = knee.find([step(800, 90), step(100, 4), step(400, 8), step(200, 5)])
    assert (found.floor_ms, found.last.level, found.first_beyond.level) == (4, 400, 800)
    assert "between 400 and 800 users" in knee.sentence(found, "users")


@pytest.mark.parametrize("changes", [{"rate": 700.0}, {"failures": 1}])
def test_a_level_that_is_quick_but_not_done_does_not_hold(changes):
    found = knee.find([step(400, 4), step(800, 5, **changes)])
    assert (found.last.level, found.first_beyond.level) == (400, 800)


def test_a_bad_moment_below_the_knee_is_none():
    found = knee.find([step(100, 4), step(200, 50), step(400, 5), step(800, 90)])
    assert (found.last.level, found.first_beyond.level) == (400, 800)


def test_where_all_levels_hold_or_none_does_it_says_so():
    assert "the knee lies beyond" in knee.sentence(knee.find([step(100, 4), step(200, 4)]), "users")
    assert "begin with less" in knee.sentence(knee.find([step(100, 4, failures=9)]), "users")


def levels(find_at: float, **changes) -> list[float]:
    """Play a load test of a stack whose knee is at so many users; return the levels that were tried."""
    options = argparse.Namespace(kind="steps", levels=None, start=100, most=20_000, minutes=1, seconds=10)
    vars(options).update(changes)
    steps: list[Step] = []
    tried = []
    for level in _levels(options, steps):
        tried.append(level.value)
        steps.append(step(level.value, 4 if level.value <= find_at else 100))
    return tried


def test_levels_double_until_two_are_beyond_and_are_then_refined():
    assert levels(500) == [100, 200, 400, 800, 1600, 500, 600, 700]


def test_levels_stop_at_the_most():
    assert levels(1e9, most=500) == [100, 200, 400]


def test_a_soak_stays_at_its_level():
    assert levels(1e9, kind="soak") == [100] * 6


def test_given_levels_are_the_only_ones():
    assert levels(1e9, levels=[300, 150]) == [300, 150]


def test_open_loop_shares_the_rate_among_a_user_a_process():
    level = Level(900, is_open=True)
    assert level.users * level.rate == 900
    assert Level(900) == Level(900, is_open=False)
    assert (Level(900).users, Level(900).rate) == (900, 1.0)


def test_tritons_counters_are_those_of_all_versions_of_one_model():
    grown = counters.parse(METRICS, "mnist_cnn") - counters.Counters(200, 0, 0, 0)
    assert grown == (200, 50, 1000, 250)
    assert (grown.mean_batch(), grown.queue_share()) == (4.0, 0.25)
    assert counters.parse(METRICS, "other").rows == 7777


def test_without_a_call_there_is_no_batch():
    nothing = counters.parse("", "mnist_cnn")
    assert (nothing.mean_batch(), nothing.queue_share()) == (None, None)


def test_locusts_files_are_read(tmp_path):
    stem = tmp_path / "locust-01"
    head = "Type,Name,Request Count,Failure Count\n"
    (tmp_path / "locust-01_stats.csv").write_text(f"{head}POST,/predict (JSON),90,2\n,Aggregated,100,3\n")
    failures = 'Method,Name,Error,Occurrences\nPOST,a,"read 3, sent 8",2\nPOST,b,"read 3, sent 8",1\n'
    (tmp_path / "locust-01_failures.csv").write_text(failures)
    assert read_stats(stem)["Request Count"] == "100"
    assert read_failures(stem) == {"read 3, sent 8": 3}


@pytest.mark.parametrize("text", [None, "Type,Name,Request Count\n", "Type,Name,Request Count\n,Aggregated,0\n"])
def test_a_step_in_which_nothing_was_asked_is_no_step(tmp_path, text):
    if text is not None:
        (tmp_path / "locust-01_stats.csv").write_text(text)
    with pytest.raises(LoadFailed, match="nothing was asked"):
        read_stats(tmp_path / "locust-01")


def test_a_generator_at_its_limit_and_wrong_digits_are_told():
    found = report.warnings([step(100, 4), step(800, 9, generator_share=0.95, failures_by_kind={"read 3, sent 8": 2})])
    assert "at its limit at 800" in found[0]
    assert found[1] == "Failures: 2 × read 3, sent 8"
    assert report.warnings([step(100, 4)]) == []


def test_a_refusal_of_what_is_too_much_is_no_fault():
    kinds = {"status 503: overloaded": 5, "status 503: triton_unavailable": 1, "read 3, sent 8": 2}
    assert step(800, 9, failures=8, failures_by_kind=kinds).faults == 3
