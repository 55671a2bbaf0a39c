"""The launcher and the PyTorch backend, on the real tritonserver with a model made here."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException

from tests.support.process import wait_until
from tests.support.tiny_model import publish, serve
from tests.support.triton_server import TritonServer


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    repository = tmp_path_factory.mktemp("tiny")
    publish(repository, "sum", 1)
    return repository


@pytest.fixture(scope="module")
def server(repository, tmp_path_factory) -> Iterator[TritonServer]:
    with TritonServer(repository, tmp_path_factory.mktemp("tiny-triton")) as server:
        server.wait_for(f"{server.http_url}/v2/models/sum/ready")
        yield server


@pytest.fixture
def grpc(server) -> Iterator[grpcclient.InferenceServerClient]:
    with grpcclient.InferenceServerClient(server.grpc_url) as client:
        yield client


def ask(client: grpcclient.InferenceServerClient, images: np.ndarray) -> tuple[np.ndarray, str]:
    tensor = grpcclient.InferInput("INPUT__0", images.shape, "UINT8")
    tensor.set_data_from_numpy(images)
    answer = client.infer("sum", [tensor], client_timeout=20)
    return answer.as_numpy("OUTPUT__0"), answer.get_response().model_version


def images(*levels: int) -> np.ndarray:
    return np.repeat(np.array(levels, np.uint8), 784).reshape(-1, 1, 28, 28)


def test_rows_come_back_in_order(grpc):
    values, version = ask(grpc, images(1, 2, 3))
    assert values[:, 0].tolist() == [784, 1568, 2352]
    assert version == "1"


def test_a_bad_request_fails_alone(server):
    """Requests that Triton batches together: those that can be run are answered, the others get an error."""

    def one(level: int) -> float | str:
        with grpcclient.InferenceServerClient(server.grpc_url) as client:
            try:
                return float(ask(client, images(level))[0][0, 0])
            except InferenceServerException as error:
                return str(error)

    levels = [255 if i % 5 == 0 else i for i in range(40)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, levels))
    for level, answer in zip(levels, answers, strict=True):
        if level == 255:
            assert "begins with 255" in answer
        else:
            assert answer == 784 * level


@pytest.mark.parametrize("key", [None, "wrong"])
def test_nobody_loads_without_the_key(server, grpc, key):
    headers = {"admin-key": key} if key else {}
    for action in ("load", "unload"):
        url = f"{server.http_url}/v2/repository/models/sum/{action}"
        assert httpx.post(url, json={}, headers=headers).status_code == 403
    with pytest.raises(InferenceServerException, match="admin-key"):
        grpc.load_model("sum", headers={f"triton-grpc-protocol-{k}": v for k, v in headers.items()})


def load(server: TritonServer) -> httpx.Response:
    url = f"{server.http_url}/v2/repository/models/sum/load"
    return httpx.post(url, json={}, headers={"admin-key": server.admin_key}, timeout=60)


def test_a_tampered_version_is_not_loaded_and_the_former_one_stays(server, grpc, repository):
    folder = publish(repository, "sum", 2)
    with (folder / "model.pt").open("ab") as file:
        file.write(b"!")
    try:
        response = load(server)
        assert response.status_code == 400
        assert "SHA-256" in response.text
        assert ask(grpc, images(1)) == (np.array([[784]]), "1")
    finally:
        serve(repository, "sum", 1)
        assert load(server).status_code == 200


def test_a_new_version_takes_over(server, grpc, repository):
    publish(repository, "sum", 3)
    assert load(server).status_code == 200
    values, version = ask(grpc, images(1))
    assert (values[0, 0], version) == (3 * 784, "3")
    serve(repository, "sum", 1)
    assert load(server).status_code == 200


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_and_leaves_nothing(server, repository, tmp_path, number):
    before = set(Path("/dev/shm").iterdir())
    other = TritonServer(repository, tmp_path / "other")
    other.start()
    try:
        other.wait_for(f"{other.http_url}/v2/models/sum/ready")
        other.send(number)
        assert other.wait(20) == 0
        assert other.group() == []
    finally:
        other.stop()
    assert set(Path("/dev/shm").iterdir()) - before == set()


def test_killed_it_leaves_no_process_for_long(repository, tmp_path):
    other = TritonServer(repository, tmp_path / "other")
    other.start()
    try:
        other.wait_for(f"{other.http_url}/v2/models/sum/ready")
        assert other.group()
        other.send(signal.SIGKILL)
        other.wait(10)
        wait_until(lambda: other.group() == [], 20, "the stub's end")
    finally:
        other.stop()


def test_a_broken_model_does_not_stop_the_others(repository, tmp_path):
    folder = tmp_path / "repository"
    publish(folder, "sum", 1)
    publish(folder, "broken", 1)
    (folder / "broken" / "1" / "model.pt").write_bytes(b"no model")
    with TritonServer(folder, tmp_path / "other") as other:
        other.wait_for(f"{other.http_url}/v2/models/sum/ready")
        assert httpx.get(f"{other.http_url}/v2/models/broken/ready").status_code == 400
