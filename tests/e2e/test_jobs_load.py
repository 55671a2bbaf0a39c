"""The load generator's jobs, and ``make bench-jobs``, against the real stack."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.api_server import ApiServer
from tests.support.job_worker import JobWorker
from tests.support.process import clean_env, free_port
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]


def load(api: ApiServer, folder: Path, *flags: str, **settings: str) -> tuple[int, dict[str, dict[str, int]], str]:
    """Run Locust for a few seconds; return its exit status, its rows by type and name, and what it printed."""
    argv = [sys.executable, "-m", "loadgen", "--headless", "-u", "3", "-r", "3", "-t", "6s", "--json", *flags]
    env = clean_env(
        LOADGEN_TARGET=api.url, LOADGEN_PROCESSES="0", LOADGEN_WEB_PORT=str(free_port()), LOADGEN_CHECK_LABELS="false",
        **settings,
    )  # fmt: skip
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    entries = json.loads(done.stdout[done.stdout.index("[\n") :])
    return done.returncode, {f"{each['method']} {each['name']}": each for each in entries}, done.stdout + done.stderr


def test_locust_sends_polls_and_checks_jobs_and_leaves_none_behind(tmp_path, triton, trainer):
    with RedisServer(tmp_path / "redis") as redis:
        settings = {"API_REDIS_URL": redis.url, "API_WORKERS": "1"}
        with (
            ApiServer(tmp_path / "api", triton.grpc_url, **settings) as api,
            JobWorker(tmp_path / "worker", redis.url, triton.grpc_url),
        ):
            api.wait_ready()
            status, rows, printed = load(api, tmp_path, "--stop-timeout", "30", LOADGEN_JOB_ITEMS="200")
            assert status == 0, printed
            jobs = rows["JOB /jobs/digits (200 items)"]
            assert jobs["num_requests"] >= 3
            for name in ("POST /jobs/digits", "GET /jobs/{id}/results", "DELETE /jobs/{id}"):
                assert rows[name]["num_requests"] == jobs["num_requests"], printed
            assert rows["GET /jobs/{id}"]["num_requests"] >= jobs["num_requests"]
            assert [name for name in redis.client.scan_iter("jobs:*") if ":job:" in name or ":results:" in name] == []


def test_where_jobs_are_off_that_is_the_failure(tmp_path, api):
    status, rows, printed = load(api, tmp_path, LOADGEN_JOB_ITEMS="2")
    assert status == 1
    assert rows["JOB /jobs/digits (2 items)"]["num_failures"] == rows["JOB /jobs/digits (2 items)"]["num_requests"] > 0
    assert "status 501: jobs_off" in printed


def test_a_model_and_jobs_at_once_are_refused():
    argv = [sys.executable, "-m", "loadgen", "--headless"]
    env = clean_env(LOADGEN_MODEL="iris", LOADGEN_JOB_ITEMS="2")
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "LOADGEN_JOB_ITEMS" in done.stderr
