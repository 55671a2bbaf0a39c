"""The launcher and the PyTorch backend in the real server, with small models made here."""

import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from tests.support.process import wait_until
from tests.support.toy_models import MODEL, name_version, publish, publish_broken, publish_onnx, publish_pair
from tests.support.triton_server import TritonServer

# TorchScript is deprecated, but it is what Triton's libtorch backend reads.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with one good model, one without batching, and one that can't be loaded."""
    folder = tmp_path_factory.mktemp("backend")
    repository = folder / "model_repository"
    publish(repository, 1)
    publish_pair(repository)
    publish_broken(repository)
    publish_onnx(repository, "negatives")
    with TritonServer(repository, folder / "triton") as server:
        yield server


@pytest.fixture
def triton(server):
    with InferenceServerClient(server.grpc_url) as client:
        yield client


def key_of(server: TritonServer) -> dict[str, str]:
    return {"triton-grpc-protocol-admin-key": server.admin_key}


def tensor(name: str, array: np.ndarray, dtype: str) -> InferInput:
    given = InferInput(name, list(array.shape), dtype)
    given.set_data_from_numpy(array)
    return given


def images(rows: int, value: int, height: int = 28) -> InferInput:
    return tensor("INPUT__0", np.full((rows, 1, height, 28), value, np.uint8), "UINT8")


def sums(client: InferenceServerClient, *given: InferInput) -> np.ndarray:
    return client.infer(MODEL, list(given), client_timeout=30).as_numpy("OUTPUT__0")


def metric(server: TritonServer, name: str) -> float:
    text = urllib.request.urlopen(f"{server.metrics_url}/metrics", timeout=5).read().decode()
    lines = (line for line in text.splitlines() if line.startswith(name + "{") and f'model="{MODEL}"' in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def ask_over_http(server: TritonServer, action: str, headers: dict[str, str]) -> int:
    url = f"{server.http_url}/v2/repository/models/{MODEL}/{action}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"{}", headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_one_broken_model_does_not_keep_the_others_from_being_served(server, triton):
    assert sums(triton, images(3, 2)).tolist() == [[1568.0]] * 3
    assert triton.is_model_ready("pair")
    assert not triton.is_model_ready("broken")


def test_the_repository_api_is_closed_without_the_key(server, triton):
    for action in ("load", "unload"):
        assert ask_over_http(server, action, {}) == 403
        assert ask_over_http(server, action, {"admin-key": "wrong"}) == 403
    assert ask_over_http(server, "load", {"admin-key": server.admin_key}) == 200
    for headers in (None, {"triton-grpc-protocol-admin-key": "wrong"}):
        with pytest.raises(InferenceServerException, match="restricted"):
            triton.load_model(MODEL, headers=headers)
        with pytest.raises(InferenceServerException, match="restricted"):
            triton.unload_model(MODEL, headers=headers)
    triton.load_model(MODEL, headers=key_of(server))
    assert server.admin_key not in server.log.read_text()


def test_what_arrives_together_is_run_together_and_answered_apart(server, triton):
    before = [metric(server, name) for name in ("nv_inference_count", "nv_inference_exec_count")]
    answers = at_once(triton, [images(1 + value % 3, value) for value in range(1, 201)])
    assert answers == [[[784.0 * value]] * (1 + value % 3) for value in range(1, 201)]
    after = [metric(server, name) for name in ("nv_inference_count", "nv_inference_exec_count")]
    rows, executions = after[0] - before[0], after[1] - before[1]
    assert rows == sum(1 + value % 3 for value in range(1, 201))
    assert executions < 200


def test_a_bad_request_fails_alone(triton):
    given = [images(1, 255 if i % 10 == 0 else i % 10, 14 if i % 10 == 5 else 28) for i in range(100)]
    for i, answer in enumerate(at_once(triton, given)):
        if i % 10 == 0:
            assert isinstance(answer, InferenceServerException)
            assert "a white image" in answer.message()
            assert "\n" not in answer.message()
        else:
            assert answer == [[(392.0 if i % 10 == 5 else 784.0) * (i % 10)]]


def at_once(client: InferenceServerClient, given: list[InferInput]) -> list[object]:
    """Send all without waiting; return each answer, or its error, in order."""
    answers: dict[int, object] = {}
    done = threading.Semaphore(0)

    def note(i: int, result, error) -> None:
        answers[i] = error if error is not None else result.as_numpy("OUTPUT__0").tolist()
        done.release()

    for i, one in enumerate(given):
        client.async_infer(MODEL, [one], lambda result, error, i=i: note(i, result, error), client_timeout=30)
    for _ in given:
        assert done.acquire(timeout=30)
    return [answers[i] for i in range(len(given))]


def test_a_model_without_batching_takes_its_inputs_by_name(triton):
    left, right = np.arange(6, dtype=np.float32).reshape(2, 3), np.eye(3, dtype=np.float32)
    # In the other order than the config's.
    given = [tensor("right", right, "FP32"), tensor("left", left, "FP32")]
    assert triton.infer("pair", given).as_numpy("product").tolist() == left.tolist()
    unfit = [tensor("right", right[:2], "FP32"), tensor("left", left, "FP32")]
    with pytest.raises(InferenceServerException, match="cannot be multiplied"):
        triton.infer("pair", unfit)
    assert triton.infer("pair", given).as_numpy("product").tolist() == left.tolist()


def test_onnx_models_are_run_too_and_a_bad_request_of_theirs_fails_alone(triton):
    given = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for _ in range(2):
        answer = triton.infer("negatives", [tensor("given", given, "UINT8")]).as_numpy("negative")
        assert answer.tolist() == (-given.astype(np.float32)).tolist()
        with pytest.raises(InferenceServerException, match="shape"):
            triton.infer("negatives", [tensor("given", given[:, :3], "UINT8")])


def test_an_onnx_file_that_is_not_what_its_manifest_says_is_not_loaded(server, triton):
    file = publish_onnx(server.repository, "changed")
    good = file.read_bytes()
    for bad, reason in ((good + b"?", "SHA-256 differs"), (None, "can't be read")):
        file.unlink() if bad is None else file.write_bytes(bad)
        with pytest.raises(InferenceServerException, match=reason):
            triton.load_model("changed", headers=key_of(server))
        assert not triton.is_model_ready("changed")
    file.write_bytes(good)
    triton.load_model("changed", headers=key_of(server))
    assert triton.is_model_ready("changed")


def test_versions_change_under_load_without_a_failure_and_a_damaged_one_never_serves(server, triton):
    counted: Counter[float] = Counter()
    failures: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with InferenceServerClient(server.grpc_url) as client:
            while not stop.is_set():
                try:
                    answer = client.infer(MODEL, [images(1, 1)], client_timeout=30)
                    counted[float(answer.as_numpy("OUTPUT__1")[0, 0])] += 1
                except InferenceServerException as error:
                    failures.append(str(error))

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    try:
        wait_until(lambda: counted[1.0] > 20, 30, "version 1")
        publish(server.repository, 2, damaged=True)
        with pytest.raises(InferenceServerException, match="SHA-256 differs"):
            triton.load_model(MODEL, headers=key_of(server))
        assert triton.is_model_ready(MODEL, "1")
        assert counted[2.0] == 0
        publish(server.repository, 3)
        triton.load_model(MODEL, headers=key_of(server))
        wait_until(lambda: counted[3.0] > 20, 30, "version 3")
        name_version(server.repository, 1)
        triton.load_model(MODEL, headers=key_of(server))
        before = counted[1.0]
        wait_until(lambda: counted[1.0] > before + 20, 30, "version 1 again")
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert failures == []
    assert set(counted) == {1.0, 3.0}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_comes_back_on_the_same_ports(server, number):
    processes, regions = server.group(), shared_memory(server)
    assert len(processes) > 1
    assert regions
    started = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - started < 10
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)
    assert not any(region.exists() for region in regions)
    server.start()
    with InferenceServerClient(server.grpc_url) as client:
        wait_until(lambda: client.is_model_ready(MODEL), 30, "the model")
        assert sums(client, images(1, 1)).tolist() == [[784.0]]


def shared_memory(server: TritonServer) -> set[Path]:
    """Return the files in shared memory that the server's processes have mapped."""
    maps = (Path(f"/proc/{pid}/maps").read_text().splitlines() for pid in server.group())
    return {Path(line.split()[-1]) for lines in maps for line in lines if "/dev/shm/triton" in line}


def test_killed_it_leaves_no_stub_behind(server):
    processes, regions = server.group(), shared_memory(server)
    server.send(signal.SIGKILL)
    server.wait(10)
    try:
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in processes), 20, "the stubs' end")
        assert not any(region.exists() for region in regions)
    finally:
        server.stop()
        server.start()


def test_an_empty_repository_is_served_and_a_model_that_comes_later_too(tmp_path):
    repository = tmp_path / "model_repository"
    repository.mkdir()
    # A key of a kind that people make: base64.
    with TritonServer(repository, tmp_path / "triton", TRITON_ADMIN_KEY="a+b/c:d==") as server:
        with urllib.request.urlopen(f"{server.http_url}/v2/health/ready", timeout=5) as ready:
            assert ready.status == 200
        publish(repository, 1)
        assert ask_over_http(server, "load", {"admin-key": "a+b/c:d=="}) == 200
        with InferenceServerClient(server.grpc_url) as client:
            assert sums(client, images(2, 1)).tolist() == [[784.0]] * 2
            assert triton_listens_only_on_loopback(server)


def triton_listens_only_on_loopback(server: TritonServer) -> bool:
    """Read where this process's sockets listen, out of the kernel's table."""
    inodes = {
        link.readlink().name.removeprefix("socket:[").rstrip("]")
        for link in Path(f"/proc/{server.pid}/fd").iterdir()
        if link.is_symlink() and "socket" in str(link.readlink())
    }
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    listening = [row[1] for row in rows if len(row) > 9 and row[3] == "0A" and row[9] in inodes]
    loopback = ("0100007F:", "0000000000000000FFFF00000100007F:")
    return len(listening) >= 3 and all(address.startswith(loopback) for address in listening)


def test_without_a_key_nobody_loads_and_the_log_says_so(tmp_path):
    repository = tmp_path / "model_repository"
    publish(repository, 1)
    with TritonServer(repository, tmp_path / "triton", TRITON_ADMIN_KEY="") as server:
        assert "TRITON_ADMIN_KEY" in server.log.read_text()
        with (
            InferenceServerClient(server.grpc_url) as client,
            pytest.raises(InferenceServerException, match="restricted"),
        ):
            client.load_model(MODEL, headers={"triton-grpc-protocol-admin-key": ""})
