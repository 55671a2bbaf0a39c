"""Profile `jobs`, added to a stack that runs: Redis, workers and Flower; what is killed loses nothing."""

import io
import itertools
import json
import time
import zipfile
from collections.abc import Iterator, Sequence
from typing import TypeVar

import httpx
import pytest
from docker.models.containers import Container

from tests.compose.stack import Stack, service_of, url_of
from tests.support.images import png
from tests.support.process import wait_until
from trainer.console import Console
from trainer.digits.data import load_dataset
from trainer.settings import Settings as TrainerSettings

T = TypeVar("T")
JOBS = ("flower", "redis", "worker")
WORKERS = 3
# Items of a job that lasts.
MANY = 12_000


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    images_u8 = load_dataset(TrainerSettings(), Console()).test.images_u8[:1000].numpy()
    return [png(image[0]) for image in images_u8]


def client_of(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=url_of(stack.container("api"), 8888), timeout=60)


@pytest.fixture(scope="module")
def jobs(running: Stack) -> Iterator[Stack]:
    """The stack with the profile, as long as the tests of this file run."""
    try:
        up(running)
        yield running
    finally:
        running.compose("--profile", "jobs", "rm", "--stop", "--force", *JOBS)


@pytest.fixture
def client(jobs: Stack) -> Iterator[httpx.Client]:
    with client_of(jobs) as client:
        wait_until(lambda: client.get("/jobs").status_code == 200, 30, "jobs")
        yield client


def up(stack: Stack, workers: int = 1) -> None:
    stack.compose("--profile", "jobs", "up", "--detach", "--scale", f"worker={workers}")
    wait_until(lambda: health_of(stack, "worker") == ["healthy"] * workers, 90, f"{workers} healthy workers")
    wait_until(lambda: health_of(stack, "flower") == ["healthy"], 60, "a healthy Flower")


def health_of(stack: Stack, service: str) -> list[str]:
    return [one.attrs["State"]["Health"]["Status"] for one in stack.containers(service, stopped=False)]


def repeated(each: Sequence[T]) -> list[T]:
    """Return MANY of a few."""
    return list(itertools.islice(itertools.cycle(each), MANY))


def submit(client: httpx.Client, files: Sequence[bytes]) -> str:
    """Send a job, and return its id."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for number, data in enumerate(files):
            zipped.writestr(f"{number:05}.png", data)
    answer = client.post("/jobs/digits", files={"file": ("digits.zip", archive.getvalue())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def state_of(client: httpx.Client, job: str) -> dict[str, object]:
    answer = client.get(f"/jobs/{job}")
    return answer.json() if answer.status_code == 200 else {}  # 503 while Redis is away


def wait_for_the_middle(client: httpx.Client, job: str) -> None:
    wait_until(lambda: int(str(state_of(client, job)["done"])) > 0, 60, "the first chunk")
    assert state_of(client, job)["state"] == "running", "it ended before it could be disturbed"


def digits_of(client: httpx.Client, job: str, total: int) -> list[int]:
    """Wait for the end of a job, and return its digits; each item has its one outcome, in order."""
    wait_until(lambda: state_of(client, job).get("state") in ("done", "failed"), 180, "the job's end")
    state = state_of(client, job)
    assert (state["state"], state["done"], state["failed"]) == ("done", total, 0)
    lines = [json.loads(line) for line in client.get(f"/jobs/{job}/results").text.splitlines()]
    assert [line["index"] for line in lines] == list(range(total))
    return [line["answer"]["prediction"] for line in lines]


def asked_directly(client: httpx.Client, files: Sequence[bytes]) -> list[int]:
    digits: list[int] = []
    for start in range(0, len(files), 100):
        form = [("file", (f"{n}.png", data)) for n, data in enumerate(files[start : start + 100])]
        answer = client.post("/predict/batch", files=form)
        assert answer.status_code == 200, answer.text
        digits += [one["prediction"] for one in answer.json()["predictions"]]
    return digits


def flowers_password(stack: Stack) -> str:
    """Read it as the docs say, without the profile's name."""
    return stack.compose("exec", "-T", "flower", "cat", "/run/jobs/flower-password").strip()


def redis_says(stack: Stack, *command: str) -> list[str]:
    line = 'REDISCLI_AUTH=$(cat /run/jobs/redis-password) exec redis-cli "$@"'
    done = stack.container("redis").exec_run(["sh", "-c", line, "sh", *command])
    assert done.exit_code == 0, done.output
    return done.output.decode().split()


def test_without_the_profile_jobs_are_off(running: Stack):
    with client_of(running) as client:
        answer = client.get("/jobs")
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "jobs_off")


def test_the_profile_adds_jobs_to_an_api_that_runs_on(running: Stack, request: pytest.FixtureRequest):
    before = running.container("api")
    with running.watched() as events:
        jobs = request.getfixturevalue("jobs")
    after = jobs.container("api")
    assert (after.id, after.attrs["State"]["StartedAt"]) == (before.id, before.attrs["State"]["StartedAt"])
    with client_of(jobs) as client:
        wait_until(lambda: client.get("/jobs").status_code == 200, 10, "jobs")
    story = [
        ("storage-init", "exit 0"),
        ("redis", "start"),
        ("redis", "health_status: healthy"),
        ("worker", "start"),
        ("worker", "health_status: healthy"),
    ]
    assert [event for event in events if event in story] == story, events


@pytest.mark.parametrize("service", JOBS)
def test_a_container_of_the_profile_has_as_few_rights_as_the_others(jobs: Stack, service: str):
    container = jobs.container(service)
    host = container.attrs["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    status = container.exec_run(["cat", "/proc/1/status"]).output.decode()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    for folder in ("/", "/etc", *(() if service == "redis" else ("/run/jobs",))):
        assert container.exec_run(["touch", f"{folder}/probe"]).exit_code != 0
    arguments = container.exec_run(["sh", "-c", "cat /proc/[0-9]*/cmdline"]).output.decode()
    for name in ("redis", "flower"):
        password = jobs.container("redis").exec_run(["cat", f"/run/jobs/{name}-password"]).output.decode().strip()
        assert len(password) >= 32
        assert password not in arguments


def test_only_flower_is_published(jobs: Stack):
    published = {
        (service_of(one), port) for one in jobs.containers() for port, bindings in one.ports.items() if bindings
    }
    assert published & {(service, port) for service, port in published if service in JOBS} == {("flower", "5555/tcp")}


def test_redis_writes_what_it_has_to_a_file_within_a_bound(jobs: Stack):
    settings = redis_says(jobs, "config", "get", "appendonly", "maxmemory*", "dir")
    told = dict(zip(settings[::2], settings[1::2], strict=True))
    assert (told["appendonly"], told["maxmemory-policy"], told["dir"]) == ("yes", "noeviction", "/data")
    assert int(told["maxmemory"]) == 2**30
    refused = jobs.container("redis").exec_run(["redis-cli", "ping"]).output.decode()
    assert "NOAUTH" in refused


def test_flower_asks_for_its_password_and_shows_the_worker_read_only(jobs: Stack):
    url = url_of(jobs.container("flower"), 5555)
    assert httpx.get(f"{url}/").status_code == 401
    assert httpx.get(f"{url}/", auth=("flower", "guessed")).status_code == 401
    login = ("flower", flowers_password(jobs))
    assert httpx.get(f"{url}/", auth=login, follow_redirects=True).status_code == 200
    name = f"celery@{jobs.container('worker').attrs['Config']['Hostname']}"
    wait_until(lambda: name in httpx.get(f"{url}/workers?json=1", auth=login).text, 30, "the worker's name")
    # Without --read_only it would stop the worker.
    assert httpx.post(f"{url}/api/worker/shutdown/{name}", auth=login).status_code >= 400
    time.sleep(1)
    assert health_of(jobs, "worker") == ["healthy"]


def test_a_zip_of_digits_gets_through_the_worker_the_digits_of_the_interactive_route(
    client: httpx.Client, files: Sequence[bytes]
):
    digits = digits_of(client, submit(client, files), len(files))
    assert digits == asked_directly(client, files)


def test_three_workers_share_a_job(jobs: Stack, client: httpx.Client, files: Sequence[bytes]):
    up(jobs, WORKERS)
    wait_until(lambda: len(redis_says(jobs, "keys", "jobs:worker:*")) == WORKERS, 10, "three workers in Redis")
    before = {one.id: cpu_s(one) for one in jobs.containers("worker")}
    digits = digits_of(client, submit(client, repeated(files)), MANY)
    assert digits == repeated(asked_directly(client, files))
    spent = [cpu_s(one) - before[one.id] for one in jobs.containers("worker")]
    assert min(spent) > 0.2 * max(spent), spent


def cpu_s(container: Container) -> float:
    """Return the CPU seconds that a container has had."""
    return container.stats(stream=False)["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9


def test_the_only_worker_is_killed_in_the_middle_and_no_item_is_lost_or_twice(
    jobs: Stack, client: httpx.Client, files: Sequence[bytes]
):
    up(jobs, 1)
    job = submit(client, repeated(files))
    wait_for_the_middle(client, job)
    jobs.container("worker").kill()
    done = state_of(client, job)["done"]
    time.sleep(3)
    assert state_of(client, job)["done"] == done, "somebody else works on it"
    up(jobs, 1)
    assert digits_of(client, job, MANY) == repeated(asked_directly(client, files))


def test_redis_is_restarted_in_the_middle_and_no_item_is_lost_or_twice(
    jobs: Stack, client: httpx.Client, files: Sequence[bytes]
):
    password = flowers_password(jobs)
    job = submit(client, repeated(files))
    wait_for_the_middle(client, job)
    jobs.container("redis").restart(timeout=10)
    assert digits_of(client, job, MANY) == repeated(asked_directly(client, files))
    assert flowers_password(jobs) == password


def test_a_worker_told_to_stop_in_the_middle_ends_in_time_and_loses_nothing(
    jobs: Stack, client: httpx.Client, files: Sequence[bytes]
):
    job = submit(client, repeated(files))
    wait_for_the_middle(client, job)
    worker = jobs.container("worker")
    start = time.monotonic()
    worker.stop(timeout=30)
    assert time.monotonic() - start < 20
    worker.reload()
    assert worker.attrs["State"]["ExitCode"] == 0, worker.logs(tail=20)
    up(jobs, 1)
    assert digits_of(client, job, MANY) == repeated(asked_directly(client, files))


def test_a_worker_without_redis_is_unhealthy_and_the_api_serves_on(
    jobs: Stack, client: httpx.Client, files: Sequence[bytes]
):
    jobs.container("redis").stop()
    wait_until(lambda: health_of(jobs, "worker") == ["unhealthy"], 60, "the worker unhealthy")
    assert client.get("/jobs").status_code == 503
    assert asked_directly(client, files[:10])
    jobs.container("redis").start()
    wait_until(lambda: health_of(jobs, "worker") == ["healthy"], 60, "the worker healthy")
    assert digits_of(client, submit(client, files[:200]), 200) == asked_directly(client, files[:200])


def test_after_down_the_stack_comes_up_without_jobs(jobs: Stack):
    jobs.compose("--profile", "jobs", "down")
    jobs.compose("up", "--detach", within_s=600)
    with client_of(jobs) as client:
        assert client.get("/jobs").status_code == 501
