"""Two real Tritons behind one address: one hangs under load, and no request fails; their addresses change."""

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


def test_a_hung_replica_costs_no_request_and_no_time_after_a_second(run_dir, pair, body):
    with ApiServer(run_dir / "api-replicas", pair.url) as api:
        api.wait_ready()
        wait_rotation(api, 2, 2)
        with Load(api.url, body) as load, httpx.Client(base_url=api.url, timeout=30) as client:
            hung = pair.servers[1].group()
            for process in hung:
                os.kill(process, signal.SIGSTOP)
            try:
                wait_rotation(api, 1, 2)
                took_s, ready = [], set()
                for _ in range(40):
                    began = time.monotonic()
                    assert client.post("/predict", json=body).status_code == 200
                    took_s.append(time.monotonic() - began)
                    ready.add(client.get("/health/ready").status_code)
            finally:
                for process in hung:
                    os.kill(process, signal.SIGCONT)
            wait_rotation(api, 2, 2)
            answered = load.answers.total()
            wait_until(lambda: load.answers.total() > answered + 50, 20, "answers after the return")
        assert load.failures == []
        assert ready == {200}
        assert statistics.median(took_s) < 0.5  # a tenth of the deadline, on a machine that others use too
    assert "replica of Triton left rotation" in api.log.read_text()


def test_a_publish_reaches_every_listed_replica(run_dir, pair, trainer, body):
    with ApiServer(run_dir / "api-publish", pair.url) as api:
        api.wait_ready()
        with Load(api.url, body) as load:
            trainer.run("train", TRAINER_MODEL_REPOSITORY=str(pair.repository), TRAINER_TRITON_URL=pair.url)
            for server in pair.servers:
                served = httpx.get(f"{server.http_url}/v2/models/mnist_cnn", timeout=10).json()
                assert served["versions"] == ["2"]
            wait_until(lambda: load.answers["2"] > 20, 20, "answers of version 2")
        assert load.failures == []


def test_addresses_behind_a_name_come_and_go(run_dir, pair, body):
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("only root can give one process an /etc/hosts of its own")
    hosts = run_dir / "hosts"

    def resolve_to(*addresses: str) -> None:
        hosts.write_text("".join(f"{address} {NAME}\n" for address in addresses))

    resolve_to("127.0.0.2")
    api = ApiServer(run_dir / "api-name", f"dns:///{NAME}:{pair.port}")
    mount = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    api.argv = [*mount, *api.argv]
    with api:
        api.wait_ready()
        assert in_rotation(api) == (1, 1)
        with Load(api.url, body) as load:
            resolve_to("127.0.0.2", "127.0.0.3")
            wait_rotation(api, 2, 2)
            resolve_to("127.0.0.3")
            wait_rotation(api, 1, 1)
            pair.servers[0].stop()
            answered = load.answers.total()
            wait_until(lambda: load.answers.total() > answered + 50, 20, "answers of the second alone")
        assert load.failures == []
