"""Unmodified clients of the Open Inference Protocol against the api: Triton's, both kinds, and perf_analyzer."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from bench.errors import ToolMissing
from bench.perf_analyzer import parse
from bench.tools import perf_analyzer
from tests.support import protocol_models
from tests.support.api_server import ApiServer
from tests.support.required import skip_or_fail
from tests.support.triton_server import TritonServer

MODEL = "same_fp32"
LARGE = np.random.default_rng(1).standard_normal((8, 20_000), np.float32)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The api's host and port, in front of a Triton with small models."""
    folder: Path = tmp_path_factory.mktemp("clients")
    repository = folder / "model_repository"
    repository.mkdir()
    protocol_models.publish_identities(repository)
    protocol_models.publish_two(repository)
    with (
        TritonServer(repository, folder / "triton") as triton,
        ApiServer(folder / "api", triton.grpc_url, API_TASKS="none", API_DEADLINE_S="30") as api,
    ):
        api.wait_ready()
        yield api.url.removeprefix("http://")


def input_of(values: np.ndarray, datatype: str, *, binary: bool, name: str = "given") -> triton_http.InferInput:
    tensor = triton_http.InferInput(name, values.shape, datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[triton_http.InferenceServerClient]:
    with triton_http.InferenceServerClient(address, concurrency=4) as opened:
        yield opened


@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("values", [LARGE[:1, :5], LARGE], ids=["small", "large"])
def test_tritonclient_infers(client, values, binary_in, binary_out, packed):
    result = client.infer(
        MODEL,
        [input_of(values, "FP32", binary=binary_in)],
        outputs=[triton_http.InferRequestedOutput("same", binary_data=binary_out)],
        request_id="mine",
        request_compression_algorithm=packed,
        response_compression_algorithm=packed,
    )
    np.testing.assert_array_equal(result.as_numpy("same"), values)
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("mine", MODEL, "1")


@pytest.mark.parametrize(
    "datatype,dtype", [("BOOL", bool), ("UINT8", "u1"), ("INT64", "i8"), ("FP16", "f2"), ("FP64", "f8")]
)
def test_tritonclient_infers_with_any_datatype(client, datatype, dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    result = client.infer(f"same_{datatype.lower()}", [input_of(values, datatype, binary=True)])
    assert result.as_numpy("same").dtype == values.dtype
    np.testing.assert_array_equal(result.as_numpy("same"), values)


def test_tritonclient_sends_parameters_and_asks_for_classes(client):
    a, b = np.array([[3, 1, 2]], np.float32), np.zeros((1, 3), np.int32)
    result = client.infer(
        "two",
        [input_of(a, "FP32", binary=True, name="a"), input_of(b, "INT32", binary=False, name="b")],
        outputs=[triton_http.InferRequestedOutput("sum", class_count=2)],
        sequence_id=5, sequence_start=True, sequence_end=True, priority=1, timeout=1000, parameters={"own": "x"},
        model_version="1",
    )  # fmt: skip
    assert [each.decode() for each in result.as_numpy("sum")[0]] == ["3.000000:0:red", "2.000000:2:blue"]


def test_tritonclient_reads_what_the_server_says(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("nope")
    assert client.get_server_metadata()["name"] == "triton"
    assert client.get_model_metadata(MODEL)["inputs"] == [{"name": "given", "datatype": "FP32", "shape": [-1, -1]}]
    assert client.get_model_config(MODEL)["max_batch_size"] == 8
    assert client.get_inference_statistics(MODEL)["model_stats"][0]["name"] == MODEL
    assert len(client.get_inference_statistics()["model_stats"]) > 2
    assert {each["name"] for each in client.get_model_repository_index()} >= {MODEL, "two"}


def test_tritonclient_raises_its_own_exception(client):
    wrong = [input_of(LARGE, "FP32", binary=True, name="wrong")]
    for call, status in (
        (lambda: client.infer(MODEL, wrong), "400"),
        (lambda: client.infer("nope", wrong), "404"),
        (lambda: client.get_model_metadata("nope"), "404"),
        (lambda: client.get_model_config("nope", "3"), "404"),
        (lambda: client.load_model(MODEL), "404"),
        (client.get_trace_settings, "404"),
        (client.get_system_shared_memory_status, "404"),
    ):
        with pytest.raises(InferenceServerException) as caught:
            call()
        assert caught.value.status() == status
        assert caught.value.message()


def test_tritonclient_waits_for_async_answers(client):
    waiting = [client.async_infer(MODEL, [input_of(LARGE[:1] + i, "FP32", binary=True)]) for i in range(8)]
    for i, each in enumerate(waiting):
        np.testing.assert_array_equal(each.get_result().as_numpy("same"), LARGE[:1] + i)


@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
async def test_tritonclient_s_asynchronous_client(address, binary, packed):
    async with triton_aio.InferenceServerClient(address) as client:
        for values in (LARGE[:1, :5], LARGE):
            result = await client.infer(
                MODEL,
                [input_of(values, "FP32", binary=binary)],
                outputs=[triton_aio.InferRequestedOutput("same", binary_data=binary)],
                request_compression_algorithm=packed,
                response_compression_algorithm=packed,
            )
            np.testing.assert_array_equal(result.as_numpy("same"), values)
        assert await client.is_server_ready()
        assert await client.is_model_ready(MODEL)
        assert (await client.get_model_metadata(MODEL))["name"] == MODEL
        assert (await client.get_model_config(MODEL))["name"] == MODEL
        assert (await client.get_inference_statistics(MODEL))["model_stats"]
        with pytest.raises(InferenceServerException) as caught:
            await client.infer("nope", [input_of(LARGE, "FP32", binary=binary)])
        assert caught.value.status() == "404"


def test_perf_analyzer_loads_the_api_over_http(address, tmp_path):
    try:
        tool = perf_analyzer()
    except ToolMissing as missing:
        skip_or_fail("PERF_ANALYZER", str(missing))
    report = tmp_path / "report.csv"
    argv = [tool.path, "-m", "same_fp32", "-u", address, "-i", "http", "-b", "2", "--shape", "given:16", "-f", report,
            "--measurement-mode=count_windows", "--measurement-request-count=100", "--stability-percentage=999",
            "--max-trials=3", "--concurrency-range=4", "--async"]  # fmt: skip
    done = subprocess.run(argv, env=tool.env(), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert parse(report.read_text(), 1).requests > 0


def test_kserve_s_client(address):
    python = os.environ.get("KSERVE_PYTHON")
    if python is None:
        skip_or_fail(
            "KSERVE", "KSERVE_PYTHON names no Python that has kserve==0.21.0, which needs an environment of its own"
        )
    script = Path(__file__).resolve().parents[1] / "support/kserve_client.py"
    done = subprocess.run([python, script, f"http://{address}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
