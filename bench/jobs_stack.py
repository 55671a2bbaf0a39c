"""The stack with jobs: Redis, Triton, the api and a worker, each with its defaults; and a client of its jobs."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from bench.contenders.catalogue import WORKERS, own_programs
from bench.errors import LoadFailed, ToolMissing
from bench.model import NAME
from bench.paths import LOGS, ROOT, RUN
from bench.process import Server, answers, clean_env, free_port
from bench.stage import PATIENCE_S, Running, start_triton

_OPEN = ("queued", "running")
_POLL_S = 0.1
_OK, _ACCEPTED = 200, 202


class Stack(NamedTuple):
    """A running stack; `url` is the api's, without a path."""

    running: Running
    url: str
    client: httpx.Client


@contextmanager
def serving(repository: Path, settings: Mapping[str, str]) -> Iterator[Stack]:
    """Start everything, and stop it at the end of the block.

    Args:
        repository: The model repository.
        settings: Further variables for all processes.

    Raises:
        StartFailed, ToolMissing: Something doesn't come up, or isn't there.
    """
    running, port = Running("jobs"), free_port()
    url = f"http://127.0.0.1:{port}"
    try:
        redis_url = _start_redis(running)
        start_triton(running, repository, NAME, settings)
        env = clean_env(own_programs(), API_TRITON_URL=running.triton_grpc, API_REDIS_URL=redis_url, **settings)
        gunicorn = [str(own_programs() / "gunicorn"), "--config", "python:api.server.gunicorn_conf", "api.asgi:app"]
        own = {"API_PORT": str(port), "API_WORKERS": WORKERS, "API_METRICS_DIR": str(running.metrics_dir)}
        running.api = Server(gunicorn, LOGS / "jobs-api.log", own | env, ROOT)
        running.servers.append(running.api)
        celery = [str(own_programs() / "celery"), "-A", "api.jobs.app", "worker"]
        worker = Server(celery, LOGS / "jobs-worker.log", {"REMAP_SIGTERM": "SIGQUIT"} | env, RUN)
        running.servers.append(worker)
        running.api.wait_until(lambda: answers(f"{url}/health/ready"), PATIENCE_S)
        worker.wait_until(lambda: "api_jobs_workers 1.0" in httpx.get(f"{url}/metrics").text, PATIENCE_S)
        with httpx.Client(base_url=url, timeout=300) as client:
            yield Stack(running, url, client)
    finally:
        for server in reversed(running.servers):
            server.stop()


def _start_redis(running: Running) -> str:
    program = shutil.which("redis-server")
    if program is None:
        raise ToolMissing("redis-server isn't on the path: on Debian 12 and Ubuntu 24.04, apt install redis-server")
    port, folder = free_port(), RUN / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "appendonlydir").exists() and shutil.rmtree(folder / "appendonlydir")
    # As scripts/run_jobs.sh has it, but for the password.
    options = ["--port", str(port), "--appendonly", "yes", "--save", "", "--maxmemory", "2gb"]
    argv = [program, "--bind", "127.0.0.1", "--dir", str(folder), *options, "--maxmemory-policy", "noeviction"]
    server = Server(argv, LOGS / "jobs-redis.log", clean_env(own_programs()), folder)
    running.servers.append(server)
    server.wait_until(lambda: "Ready to accept" in (LOGS / "jobs-redis.log").read_text(), PATIENCE_S)
    return f"redis://127.0.0.1:{port}/0"


def submit(client: httpx.Client, lines: bytes) -> dict[str, Any]:
    """Make a job of lines of JSON; return it.

    Raises:
        LoadFailed: It is refused.
    """
    answer = client.post("/jobs/digits", content=lines, headers={"content-type": "application/x-ndjson"})
    if answer.status_code != _ACCEPTED:
        raise LoadFailed(f"a job was refused: {answer.status_code} {answer.text[:300]}")
    return dict(answer.json())


def state_of(client: httpx.Client, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job as it is now."""
    answer = client.get(f"/jobs/{job['id']}")
    if answer.status_code != _OK:
        raise LoadFailed(f"a job can't be read: {answer.status_code} {answer.text[:300]}")
    return dict(answer.json())


def ended(client: httpx.Client, job: Mapping[str, Any], within_s: float = 300) -> dict[str, Any]:
    """Wait for a job's end, and return it.

    Raises:
        LoadFailed: It takes too long, or items of it failed.
    """
    until = time.monotonic() + within_s
    while (now := state_of(client, job))["state"] in _OPEN:
        if time.monotonic() > until:
            raise LoadFailed(f"a job is at {now['done']} of {now['total']} items after {within_s:g} s")
        time.sleep(_POLL_S)
    if now["failed"]:
        raise LoadFailed(f"{now['failed']} of {now['total']} items failed")
    return now


def remove(client: httpx.Client, job: Mapping[str, Any]) -> None:
    """Cancel a job if it runs, and delete it."""
    for _ in range(2):
        if client.delete(f"/jobs/{job['id']}").status_code not in (_OK, 204):
            return


def lines_of(bodies: Sequence[bytes], items: int) -> bytes:
    """Return the lines of a job of so many items, which repeat the bodies of single requests."""
    return b"".join(bodies[number % len(bodies)] + b"\n" for number in range(items))
