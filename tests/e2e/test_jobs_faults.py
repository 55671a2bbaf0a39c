"""Jobs in whose middle something dies: no item is lost, none comes twice, and every digit is the interactive route's.

``make jobs-faults`` runs the same with more items, the usual limits and a longer absence of Triton, and writes a table.
"""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.job_stack import TASKS, JobStack, seconds_since
from tests.support.poisoned_task import POISON, SLOW, SLOW_S
from tests.support.process import wait_until
from trainer.console import Console
from trainer.digits.data import load_dataset
from trainer.settings import Settings as TrainerSettings

ITEMS = int(os.environ.get("JOBS_FAULTS_ITEMS", "5000"))
AWAY_S = float(os.environ.get("JOBS_FAULTS_AWAY_S", "4"))
CHUNK_LIMIT_S = int(os.environ.get("JOBS_FAULTS_CHUNK_LIMIT_S", "9"))
TABLE = os.environ.get("JOBS_FAULTS_TABLE")
GRACE_S = 10  # of a container


@pytest.fixture(scope="module")
def stack(run_dir, trainer) -> Iterator[JobStack]:
    settings = {
        "API_JOBS_CHUNK_LIMIT_S": str(CHUNK_LIMIT_S),
        "API_JOBS_MAX_ATTEMPTS": "2",
        "API_MAX_BATCH_IMAGES": "1024",
    }
    with JobStack(run_dir / "job-faults", trainer.repository, **settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [png(image[0]) for image in load_dataset(TrainerSettings(), Console()).test.images_u8[:ITEMS].numpy()]


@pytest.fixture(scope="module")
def expected(stack, files) -> list[int]:
    digits = []
    for start in range(0, len(files), 1000):
        form = [("images", ("a.png", data)) for data in files[start : start + 1000]]
        answer = stack.client.post("/predict/batch", files=form)
        assert answer.status_code == 200, answer.text
        digits += [each["prediction"] for each in answer.json()["predictions"]]
    return digits


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    if TABLE:
        path = Path(TABLE)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = ["| fault | items | seconds until done | answered | failed | lost | twice |", "|---|" + "---:|" * 6]
        path.write_text("\n".join([*head, *rows]) + "\n")


def nothing(stack: JobStack) -> None:
    pass


def kill_a_pool_process(stack: JobStack) -> None:
    os.kill(stack.worker.pool()[0], signal.SIGKILL)


def kill_the_worker(stack: JobStack) -> None:
    stack.worker.stop(signal.SIGKILL)
    stack.worker.start()


def restart_redis(stack: JobStack) -> None:
    stack.redis.stop()
    stack.redis.start()


def kill_redis(stack: JobStack) -> None:
    stack.redis.stop(signal.SIGKILL)
    stack.redis.start()


def kill_triton(stack: JobStack) -> None:
    stack.triton.stop(signal.SIGKILL)
    time.sleep(AWAY_S)
    stack.triton.start()


def restart_the_api(stack: JobStack) -> None:
    stack.api.stop()
    stack.api.start()


def stop_the_worker(stack: JobStack) -> None:
    start = time.monotonic()
    stack.worker.stop()
    assert seconds_since(start) < GRACE_S
    stack.worker.start()


FAULTS: dict[str, Callable[[JobStack], None]] = {
    "none": nothing,
    "a process of the worker's pool killed (SIGKILL)": kill_a_pool_process,
    "the worker with all its processes killed (SIGKILL), started again": kill_the_worker,
    "the worker stopped (SIGTERM), started again": stop_the_worker,
    "Redis restarted (SIGTERM)": restart_redis,
    "Redis killed (SIGKILL), started again": kill_redis,
    f"Triton killed (SIGKILL), started again after {AWAY_S:g} s": kill_triton,
    "the api restarted (SIGTERM)": restart_the_api,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_in_the_middle_of_a_job(stack, files, expected, table, fault):
    start = time.monotonic()
    job_id = stack.submit(files)
    wait_until(lambda: stack.done(job_id) > 0, 30, f"the first chunk\n{stack.worker.tail()}")
    assert not stack.has_ended(job_id), "the job was over before the fault: send more items"
    FAULTS[fault](stack)
    outcome = stack.outcome(job_id, 3 * CHUNK_LIMIT_S + AWAY_S + 60)
    took_s = seconds_since(start)
    state = outcome.state
    found = (len(files), f"{took_s:.1f}", state["done"], state["failed"], outcome.lost(), outcome.twice())
    table.append(f"| {fault} | " + " | ".join(str(each) for each in found) + " |")
    assert (state["state"], state["done"], state["failed"]) == ("done", len(files), 0)
    assert (outcome.lost(), outcome.twice()) == (0, 0)
    assert [line["index"] for line in outcome.lines] == list(range(len(files)))
    assert outcome.digits() == expected
    assert stack.eternal_keys() == set()
    stack.api.wait_ready()


def test_an_api_that_is_killed_between_storing_and_sending_loses_no_job(run_dir, stack, files, expected):
    dying = {"API_TASKS": "tests.support.dying_publisher:Dying", "PYTHONPATH": TASKS["PYTHONPATH"]}
    api = ApiServer(run_dir / "api-dying", stack.triton.grpc_url, API_REDIS_URL=stack.redis.url, **dying)
    former = {job["id"] for job in stack.client.get("/jobs").json()["jobs"]}
    with api:
        api.wait_ready()
        form = [("file", ("1.png", data)) for data in files[:300]]
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{api.url}/jobs/digits", files=form, timeout=30)
    wait_until(lambda: not api.group(), 5, "the api's death")
    (job_id,) = {job["id"] for job in stack.client.get("/jobs").json()["jobs"]} - former
    outcome = stack.outcome(job_id, 15)
    assert outcome.digits() == expected[:300]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_idle_worker_isnt_deaf_after_redis_restarts(stack, files, expected, number):
    time.sleep(1)
    stack.redis.stop(number)
    time.sleep(2)
    stack.redis.start()
    wait_until(lambda: stack.client.get("/jobs").status_code == 200, 5, "the api's connection")
    job_id = stack.submit(files[:300])
    assert stack.outcome(job_id, 20).digits() == expected[:300]


def test_a_stop_finishes_chunks_and_repeats_none(stack, files):
    job_id = stack.submit(files)
    wait_until(lambda: stack.done(job_id) > 0, 30, "the first chunk")
    stop_the_worker(stack)
    outcome = stack.outcome(job_id)
    assert (outcome.state["done"], outcome.lost(), outcome.twice()) == (len(files), 0, 0)
    finished = re.findall(rf"chunk job={job_id} chunk=(\d+)", stack.worker.log.read_text())
    assert sorted(map(int, finished)) == list(range(len(finished))), "each was worked on once"


def test_a_slow_chunk_holds_up_no_other_job(stack, files, expected):
    """One process sleeps; with messages fetched in advance, half of the other job would wait behind it."""
    slow_id = stack.submit([SLOW, files[0]], "poisoned")
    wait_until(lambda: stack.state(slow_id)["state"] == "running", 10, "the slow chunk")
    start = time.monotonic()
    job_id = stack.submit(files[:2000])
    most = 0
    while not stack.has_ended(job_id):
        most = max(most, stack.redis.client.hlen("jobs:broker:unacked"))
    assert seconds_since(start) < SLOW_S
    assert most <= 2, "messages that the worker's two processes don't work on stay in the queue"
    assert stack.outcome(job_id).digits() == expected[:2000]
    assert stack.state(slow_id)["done"] == 0
    assert stack.outcome(slow_id, 20).digits() == [None, expected[0]]


def test_a_stop_gives_back_a_chunk_that_takes_longer(stack, files, expected):
    slow_id = stack.submit([SLOW, files[0]], "poisoned")
    wait_until(lambda: stack.state(slow_id)["state"] == "running", 10, "the slow chunk")
    stop_the_worker(stack)
    assert stack.state(slow_id)["state"] == "running", "it takes longer than the soft shutdown"
    outcome = stack.outcome(slow_id, 3 * CHUNK_LIMIT_S)
    assert outcome.digits() == [None, expected[0]]
    assert outcome.lines[0]["error"]["code"] == "invalid_image"


def test_poison_takes_no_item_but_itself_and_no_other_job_waits(stack, files, expected):
    poisoned = [*files[:40], POISON, *files[40:80], POISON, *files[80:400]]
    job_id = stack.submit(poisoned, "poisoned")
    other_id = stack.submit(files[:1000])
    assert stack.outcome(other_id).digits() == expected[:1000]
    outcome = stack.outcome(job_id, 60)
    assert (outcome.state["state"], outcome.state["done"], outcome.state["failed"]) == ("done", 400, 2)
    assert [digit for digit in outcome.digits() if digit is not None] == expected[:400]
    assert {line["error"]["code"] for line in outcome.lines if "error" in line} == {"worker_lost"}
    assert [line["index"] for line in outcome.lines if "error" in line] == [40, 81]


def test_a_chunk_full_of_poison_ends(stack):
    outcome = stack.outcome(stack.submit([POISON] * 20, "poisoned"), 60)
    assert (outcome.state["state"], outcome.state["failed"]) == ("failed", 20)
    assert {line["error"]["code"] for line in outcome.lines} == {"worker_lost"}


def test_redis_that_hangs_while_a_job_is_stored_costs_no_more_than_two_seconds(stack):
    """The interactive routes serve on meanwhile."""
    parts = [("file", (f"{number}.png", os.urandom(10**6))) for number in range(60)]
    with httpx.Client(base_url=stack.api.url, timeout=60) as client:
        answers: list[tuple[float, int]] = []

        def post() -> None:
            answer = client.post("/jobs/digits", files=parts)
            answers.append((time.monotonic(), answer.status_code))

        posting = threading.Thread(target=post)
        former = set(stack.redis.client.scan_iter("jobs:items:*"))
        posting.start()
        while not (name := next(iter(set(stack.redis.client.scan_iter("jobs:items:*")) - former), "")):
            time.sleep(0.001)
        start = time.monotonic()
        stack.redis.hang()
        try:
            assert stack.client.post("/predict", json=as_json(png_of_a_one())).status_code == 200
            posting.join(10)
        finally:
            stack.redis.go_on()
    ((ended, status),) = answers
    assert status == 503
    assert ended - start < 2.0
    assert 0 < stack.redis.client.ttl(name) <= 600
    stack.redis.client.delete(name)


def png_of_a_one() -> bytes:
    image_u8 = np.zeros((28, 28), np.uint8)
    image_u8[4:24, 12:16] = 255
    return png(image_u8)
