"""Two real Tritons behind one address: one hangs, a version is published, their addresses change; no request fails."""

import contextlib
import os
import re
import shutil
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.load import Load
from tests.support.process import free_port, wait_until
from tests.support.triton_server import TritonServer

NAME = "triton.replicas.test"


@pytest.fixture(scope="module")
def body(images) -> dict[str, str]:
    return as_json(png(images.images_u8[0, 0].numpy()))


class Pair(NamedTuple):
    """Two Tritons of one repository on one port, at two addresses."""

    servers: list[TritonServer]
    port: str
    repository: Path

    @property
    def url(self) -> str:
        return f"ipv4:127.0.0.2:{self.port},127.0.0.3:{self.port}"


@pytest.fixture(scope="module")
def pair(run_dir: Path, trainer) -> Iterator[Pair]:
    repository = run_dir / "repository-of-replicas"
    shutil.copytree(trainer.repository, repository)
    port = str(free_port())
    first, second = (
        TritonServer(
            repository,
            run_dir / f"replica-{number}",
            TRITON_HOST=f"127.0.0.{number}",
            TRITON_HTTP_HOST="127.0.0.1",
            TRITON_GRPC_PORT=port,
        )
        for number in (2, 3)
    )
    with first, second:
        yield Pair([first, second], port, repository)


def in_rotation(api: ApiServer) -> tuple[int, ...]:
    """Return the replicas in rotation, as the worker with the fewest sees it, and those that are known."""
    text = httpx.get(f"{api.url}/metrics", timeout=10).text
    names = ("api_triton_replicas_in_rotation", "api_triton_replicas")
    return tuple(int(re.findall(rf"^{name} (\d+)", text, re.MULTILINE)[0]) for name in names)


def wait_rotation(api: ApiServer, *expected: int) -> float:
    return wait_until(lambda: in_rotation(api) == expected, 15, f"{expected} in rotation, known")


@pytest.fixture(scope="module")
def api(run_dir: Path, pair: Pair) -> Iterator[ApiServer]:
    """An api that knows both by a list."""
    with ApiServer(run_dir / "api-replicas", pair.url) as api:
        api.wait_ready()
        wait_rotation(api, 2, 2)
        yield api


@contextlib.contextmanager
def stopped(server: TritonServer) -> Iterator[None]:
    """Stop all processes of a Triton during a block."""
    processes = server.group()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_a_hung_replica_costs_no_request_and_no_time_after_a_second(api, pair, body):
    with Load(api.url, body) as load, httpx.Client(base_url=api.url, timeout=30) as client:
        with stopped(pair.servers[1]):
            wait_rotation(api, 1, 2)
            took_s, ready = [], set()
            for _ in range(30):
                began = time.monotonic()
                assert client.post("/predict", json=body).status_code == 200
                took_s.append(time.monotonic() - began)
                ready.add(client.get("/health/ready").status_code)
        wait_rotation(api, 2, 2)
        answered = load.answers.total()
        wait_until(lambda: load.answers.total() > answered + 50, 20, "answers after the return")
    assert load.failures == []
    assert ready == {200}
    assert statistics.median(took_s) < 0.5  # a tenth of the deadline, on a machine that others use too
    assert "replica of Triton left rotation" in api.log.read_text()


def served_versions(server: TritonServer) -> list[str]:
    found: list[str] = httpx.get(f"{server.http_url}/v2/models/mnist_cnn", timeout=10).json()["versions"]
    return found


def test_a_publish_reaches_every_listed_replica_or_names_the_one_that_hangs(api, pair, trainer, body):
    settings = {"TRAINER_MODEL_REPOSITORY": str(pair.repository), "TRAINER_TRITON_URL": pair.url}
    publish = ("publish", str(pair.repository / "mnist_cnn/1/model.onnx"), "--model", "mnist_cnn")
    with Load(api.url, body, clients=1) as load:
        with stopped(pair.servers[1]):
            printed = trainer.run(*publish, **settings).stderr
        assert f"Triton at 127.0.0.3:{pair.port} didn't answer" in printed
        assert "`promote 2`" in printed
        assert [served_versions(server) for server in pair.servers] == [["2"], ["1"]]
        trainer.run("promote", "2", **settings)
        assert [served_versions(server) for server in pair.servers] == [["2"], ["2"]]
        wait_until(lambda: load.answers["2"] > 20, 20, "answers of version 2")
    assert load.failures == []


def test_addresses_behind_a_name_come_and_go(run_dir, pair, body):
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("only root can give one process an /etc/hosts of its own")
    hosts = run_dir / "hosts"

    def resolve_to(*addresses: str) -> None:
        hosts.write_text("".join(f"{address} {NAME}\n" for address in addresses))

    resolve_to("127.0.0.2", "::1")  # where no Triton listens, as with many a localhost
    api = ApiServer(run_dir / "api-name", f"dns:///{NAME}:{pair.port}")
    mount = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    api.argv = [*mount, *api.argv]
    with api:
        api.wait_ready()
        wait_rotation(api, 1, 1)
        with Load(api.url, body, clients=1) as load:
            wait_until(lambda: load.answers.total() > 50, 20, "answers of the first")
            assert in_rotation(api) == (1, 1)
            resolve_to("127.0.0.2", "127.0.0.3")
            wait_rotation(api, 2, 2)
            resolve_to("127.0.0.3")
            wait_rotation(api, 1, 1)
            pair.servers[0].stop()
            answered = load.answers.total()
            wait_until(lambda: load.answers.total() > answered + 50, 20, "answers of the second alone")
        assert load.failures == []
