"""Locust's master has its workers, and a short run through its web API ends without a failure."""

import httpx
import pytest

from tests.compose.stack import Stack, url_of
from tests.support.process import wait_until

REQUESTS = 200


@pytest.fixture
def locust(running: Stack):
    with httpx.Client(base_url=url_of(running.container("loadgen-master"), 8089), timeout=30) as client:
        yield client


def stats(locust: httpx.Client) -> dict[str, object]:
    answer = locust.get("/stats/requests")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_master_sees_every_worker(running: Stack, locust: httpx.Client):
    running.compose("up", "--detach", "--scale", "loadgen-worker=2")
    wait_until(lambda: len(stats(locust)["workers"]) == 2, 30, "two workers at the master")


def test_a_short_run_has_no_failure(locust: httpx.Client):
    started = locust.post("/swarm", data={"user_count": "20", "spawn_rate": "20"})
    assert started.json()["success"], started.text
    try:
        wait_until(lambda: sum_of(locust, "num_requests") >= REQUESTS, 90, f"{REQUESTS} requests")
    finally:
        assert locust.post("/stop", timeout=90).status_code == 200
    wait_until(lambda: stats(locust)["state"] == "stopped", 30, "the run's end")
    assert sum_of(locust, "num_requests") >= REQUESTS
    assert sum_of(locust, "num_failures") == 0, stats(locust)["errors"]


def sum_of(locust: httpx.Client, field: str) -> int:
    [total] = [entry for entry in stats(locust)["stats"] if entry["name"] == "Aggregated"]
    return total[field]
