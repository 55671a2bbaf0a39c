"""The report of ``bench.jobs``, from made-up figures."""

import pytest

from bench.jobs import seconds_of
from bench.jobs_report import line_of, markdown


def figures(batch: float, job: float, alone_ms: float, beside_ms: float) -> dict[str, object]:
    loads = {name: {"p50_ms": 1.0, "p99_ms": p99} for name, p99 in (("alone", alone_ms), ("beside", beside_ms))}
    rest = {"upload_s": 0.5, "batch_cpu_us": 110, "job_cpu_us": 160, "job_per_s_beside": job / 2}
    return {"batch_per_s": batch, "job_per_s": job, **rest, **loads}


def report(rounds: list[dict[str, object]], **more: object) -> str:
    machine = {"cores": 2, "cpu": "a CPU", "memory_gib": 8, "load_before": [0.5]}
    results = {"machine": machine, "busy_before": False, "items": 1000, "rate": 150, "rounds": rounds}
    return markdown(results | more)


def test_ratios_are_formed_within_a_round():
    text = report([figures(1000, 900, 10, 15), figures(100, 90, 100, 150), figures(1000, 850, 10, 30)])
    assert "| items/s of a job ÷ images/s of the batch route | ≥ 0.8 | 0.90 (0.85–0.90) | met |" in text
    assert "| p99 of requests beside a job ÷ without one | ≤ 2 | 1.50 (1.50–3.00) | met |" in text
    assert "tenth of the machine" not in text


def test_a_goal_that_is_missed_and_a_busy_machine_are_said():
    text = report([figures(1000, 790, 10, 21)], busy_before=True)
    assert text.count("**not met**") == 2
    assert "other processes used more than a tenth of the machine" in text


def test_round_trips_stand_beside_the_older_demo_s():
    trips = {str(users): {"jobs": 9, "p50_ms": 20 + users, "p95_ms": 40 + users} for users in (1, 10, 30)}
    text = report([figures(1, 1, 1, 1)], round_trips={"with_triton": trips, "without_triton": trips})
    assert "| 10 | 30 | 50 | 30 | 50 | 34 |" in text


def test_a_round_fits_on_a_line():
    assert line_of(figures(1000, 900, 10, 15)).startswith(
        "batch 1,000/s  job 900/s  CPU 110 and 160 µs an item  p99 10.0 ms"
    )


def test_a_job_takes_from_its_creation_to_its_end():
    job = {"created_at": "2026-01-02T03:04:05.5Z", "finished_at": "2026-01-02T03:04:15Z"}
    assert seconds_of(job) == pytest.approx(9.5)
