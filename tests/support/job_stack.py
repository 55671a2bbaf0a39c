"""The stack with jobs, as processes that tests kill: Redis with its append-only file, Triton, an api, a worker."""

import io
import time
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import orjson

from tests.support.api_server import ApiServer
from tests.support.job_worker import JobWorker
from tests.support.process import wait_until
from tests.support.redis_server import RedisServer
from tests.support.triton_server import TritonServer

ROOT = Path(__file__).resolve().parents[2]
TASKS = {
    "API_TASKS": "api.tasks.digits:Digits,tests.support.poisoned_task:Poisoned",
    "PYTHONPATH": str(ROOT),
}


class Outcome(NamedTuple):
    """What came of a job.

    Attributes:
        state: The job, as the api shows it.
        lines: Its results.
    """

    state: dict[str, Any]
    lines: list[dict[str, Any]]

    def lost(self) -> int:
        """Return the number of items without a result."""
        return len(set(range(self.state["total"])) - {line["index"] for line in self.lines})

    def twice(self) -> int:
        """Return the number of results too many."""
        return len(self.lines) - len({line["index"] for line in self.lines})

    def digits(self) -> list[int | None]:
        """Return the digits in the order of the results; None for a failed item."""
        return [line["answer"]["prediction"] if "answer" in line else None for line in self.lines]


class JobStack:
    """``with JobStack(folder, repository) as stack``.

    Args:
        folder: For logs and Redis' file.
        repository: The model repository.
        settings: Further ``API_*`` variables, of the api and of the worker.
    """

    def __init__(self, folder: Path, repository: Path, **settings: str) -> None:
        settings = TASKS | settings
        self.spool = folder / "spool"
        self.spool.mkdir(parents=True)
        self.redis = RedisServer(folder / "redis", password="of-the-jobs", is_durable=True)
        self.triton = TritonServer(repository, folder / "triton")
        url = {"API_REDIS_URL": self.redis.url, "API_JOBS_SPOOL_DIR": str(self.spool)}
        self.api = ApiServer(folder / "api", self.triton.grpc_url, **url, **settings)
        self.worker = JobWorker(folder / "worker", self.redis.url, self.triton.grpc_url, **settings)
        self.client = httpx.Client(base_url=self.api.url, timeout=60)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            for process in (self.redis, self.triton, self.api, self.worker):
                started.enter_context(process)
            started.enter_context(self.client)
            self.api.wait_ready()
            self._running = started.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._running.close()

    def submit(self, files: Sequence[bytes], task: str = "digits", **headers: str) -> str:
        """Make a job of files, and return its id."""
        body = archive_of(files)
        answer = self.client.post(f"/jobs/{task}", content=body, headers={"content-type": "application/zip"} | headers)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def state(self, job_id: str) -> dict[str, Any] | None:
        """Return a job as the api shows it; None while the api or Redis is away."""
        try:
            answer = self.client.get(f"/jobs/{job_id}")
        except httpx.TransportError:
            return None
        assert answer.status_code in (200, 503), answer.text
        return answer.json() if answer.status_code == 200 else None

    def done(self, job_id: str) -> int:
        """Return the number of a job's items that have an answer; 0 while that isn't known."""
        state = self.state(job_id)
        return state["done"] if state else 0

    def has_ended(self, job_id: str) -> bool:
        """Say whether a job is known to have ended."""
        state = self.state(job_id)
        return state is not None and state["state"] not in ("queued", "running")

    def outcome(self, job_id: str, within_s: float = 60) -> Outcome:
        """Wait for a job's end, and return what came of it."""
        wait_until(lambda: self.has_ended(job_id), within_s, f"the job's end\n{self.worker.tail()}")
        answer = self.client.get(f"/jobs/{job_id}/results")
        state = self.state(job_id)
        assert state is not None
        return Outcome(state, [orjson.loads(line) for line in answer.content.splitlines()])

    def eternal_keys(self) -> set[str]:
        """Return the keys of the jobs in Redis that never expire."""
        names = self.redis.client.scan_iter("*")
        return {name for name in names if not name.startswith("jobs:broker:") and self.redis.client.ttl(name) == -1}


def archive_of(files: Sequence[bytes]) -> bytes:
    """Return a ZIP archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, data in enumerate(files):
            archive.writestr(f"{number:05}.png", data)
    return buffer.getvalue()


def seconds_since(start: float) -> float:
    """Return the seconds since a time of the monotonic clock."""
    return time.monotonic() - start
