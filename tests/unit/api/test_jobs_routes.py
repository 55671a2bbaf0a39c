"""The jobs' routes without a Redis, what they cost then, and the budgets of their requests."""

import subprocess
import sys
from dataclasses import dataclass, field

import orjson
import pytest

from api.errors import JobsUnavailable
from api.jobs import results
from api.jobs.items import Item
from api.jobs.kinds import OfTask, kind_of
from api.jobs.record import NewJob, job_of
from api.limits.budgets import Budgets
from api.settings import Settings
from api.telemetry.request_context import RequestContext
from tests.unit.api.fakes import FakeClient, encoded, marked

ID = "0" * 32


@pytest.mark.parametrize(
    "method,path",
    [
        ("POST", "/jobs/digits"),
        ("POST", "/jobs/v2/mnist_cnn"),
        ("GET", "/jobs"),
        ("GET", f"/jobs/{ID}"),
        ("GET", f"/jobs/{ID}/results"),
        ("DELETE", f"/jobs/{ID}"),
    ],
)
async def test_without_redis_every_route_says_that_jobs_are_off(client, method, path):
    answer = await client.request(method, path, content=b"x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "jobs_off")
    assert "API_REDIS_URL" in answer.json()["error"]["message"]


async def test_routes_that_arent_there_stay_so(client):
    assert (await client.post("/jobs/nothing")).status_code == 405  # a job's own path takes GET and DELETE
    assert (await client.post("/jobs")).status_code == 405
    assert (await client.get("/jobs/a/b")).status_code == 404


def test_the_app_loads_neither_celery_nor_the_client_of_redis():
    code = "import sys, api.app; print(*({'celery', 'kombu', 'redis'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_uploads_have_limits_of_their_own():
    settings = Settings(jobs_max_body_bytes=10_000, jobs_upload_s=70, jobs_follow_s=80)
    budgets = Budgets(settings)
    upload = budgets.of({"path": "/jobs/digits", "method": "POST"})
    assert (upload.max_body_bytes, upload.timeout_s, upload.body_timeout_s, upload.is_in_memory) == (
        10_000,
        70,
        70,
        False,
    )
    assert budgets.of({"path": f"/jobs/{ID}/results", "method": "GET"}).timeout_s > 80
    usual = budgets.of({"path": "/predict", "method": "POST"})
    assert (usual.max_body_bytes, usual.timeout_s, usual.is_in_memory) == (settings.max_body_bytes, 5.0, True)
    assert budgets.of({"path": "/v2/models/a/infer", "method": "POST"}).max_body_bytes == settings.v2_max_body_bytes


def job(total: int, starts: list[int], **more: str | int) -> object:
    fields = NewJob("owner", "digits", total, starts, "print").fields() | {"created": 1.5, "expires": 2.5} | more
    raw = {name.encode(): value if isinstance(value, bytes) else str(value).encode() for name, value in fields.items()}
    return job_of(ID, raw)


@dataclass
class Chunks:
    """A store that has the results of some chunks; each reading of the job ends one more."""

    found: dict[int, bytes]
    later: list[tuple[int, bytes]] = field(default_factory=list)
    job_of_later: object = None

    async def results(self, job_id: str, chunks: range) -> list[bytes | None]:
        return [self.found.get(chunk) for chunk in chunks]

    async def job(self, job_id: str) -> object:
        if self.later:
            self.found.update([self.later.pop(0)])
        return self.job_of_later


def lines(first: int, last: int) -> bytes:
    return b"".join(results.answer_line(index, Item("", b""), index) for index in range(first, last))


async def indexes(store: Chunks, *arguments: object) -> list[int]:
    parts = [part async for part in results.stream(store, *arguments)]
    return [orjson.loads(line)["index"] for line in b"".join(parts).splitlines()]


async def test_results_end_before_the_first_gap():
    store = Chunks({0: lines(0, 4), 1: lines(4, 8), 3: lines(12, 13)})
    assert await indexes(store, job(13, [0, 4, 8, 12]), 0, None) == list(range(8))


@pytest.mark.parametrize("first,limit", [(0, 1), (3, 2), (4, 4), (5, 100), (12, 1), (13, 1), (100, None), (0, 13)])
async def test_pages_of_results(first, limit):
    store = Chunks({0: lines(0, 4), 1: lines(4, 8), 2: lines(8, 12), 3: lines(12, 13)})
    last = 13 if limit is None else min(first + limit, 13)
    assert await indexes(store, job(13, [0, 4, 8, 12]), first, limit) == list(range(first, last))


async def test_results_are_waited_for(monkeypatch):
    monkeypatch.setattr(results, "_POLL_S", 0)
    running = job(8, [0, 4], state="running")
    store = Chunks({}, [(1, lines(4, 8)), (0, lines(0, 4))], running)
    assert await indexes(store, running, 0, None, 5.0) == list(range(8))


async def test_what_was_written_before_the_end_is_read_once_more(monkeypatch):
    monkeypatch.setattr(results, "_POLL_S", 0)
    store = Chunks({}, [(0, lines(0, 4))], job(4, [0], state="done"))
    assert await indexes(store, job(4, [0], state="running"), 0, None, 5.0) == list(range(4))


async def test_an_item_fails_by_itself():
    from api.inference.batcher import MicroBatcher
    from api.inference.models import Models
    from api.tasks.digits import Digits

    backend = FakeClient()
    batcher = MicroBatcher(backend, Models(backend), max_calls=1, max_queued_rows=1000)
    kind = kind_of("digits", {"digits": Digits(Settings())}, batcher)
    assert isinstance(kind, OfTask)
    items = [Item("", encoded(marked(3))), Item("", b"no image"), Item("", encoded(marked(5)))]
    first, second, third = await kind.answer(items, RequestContext("r", 0.0))
    assert (first["prediction"], second.code, third["prediction"]) == (3, "invalid_image", 5)
    assert [len(batch) for batch in backend.batches] == [2], "in one call"


def test_times_of_a_job_are_announced():
    answer = job(4, [0], started=1.75, webhook="https://example.org").answer()
    assert (answer.created_at.timestamp(), answer.expires_at.timestamp()) == (1.5, 2.5)
    assert answer.webhook.state == "pending"
    assert answer.finished_at is None


def test_an_error_of_redis_says_when_to_try_again():
    from api.jobs.redis_client import unavailable

    assert isinstance(unavailable(), JobsUnavailable)
    assert unavailable().retry_after_s >= 1
