"""The protocol's routes around a fake client: what is answered, in which form errors come, and what is closed."""

import gzip
import struct
import zlib
from collections.abc import AsyncIterator

import httpx
import numpy as np
import orjson
import pytest

from api.errors import Unavailable
from api.settings import Settings
from tests.unit.api.fakes import FakeClient, marked

INFER = "/v2/models/mnist_cnn/infer"
HEADER = "inference-header-content-length"


def tensor(*digits: int, **fields: object) -> dict[str, object]:
    images = np.stack([marked(digit) for digit in digits])
    tensor = {"name": "INPUT__0", "datatype": "UINT8", "shape": [len(digits), 1, 28, 28]}
    return tensor | {"data": images.reshape(-1).tolist()} | fields


def digits_of(answer: httpx.Response) -> list[int]:
    output = answer.json()["outputs"][0]
    return np.array(output["data"]).reshape(output["shape"]).argmax(1).tolist()


@pytest.fixture
async def listed(open_client) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(Settings(v2_models="other", ready_ttl_s=0)) as client:
        yield client


async def test_json_in_and_out(client):
    answer = await client.post(INFER, json={"id": "mine", "inputs": [tensor(3, 5)]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (body["id"], body["model_name"], body["model_version"]) == ("mine", "mnist_cnn", "7")
    assert body["outputs"][0]["shape"] == [2, 10]
    assert digits_of(answer) == [3, 5]


async def test_binary_in_and_out(client):
    elements = marked(4).tobytes()
    entry = tensor(4, parameters={"binary_data_size": len(elements)})
    del entry["data"]
    wanted = {"binary_data_output": True}
    head = orjson.dumps({"inputs": [entry], "parameters": wanted})
    answer = await client.post(INFER, content=head + elements, headers={HEADER: str(len(head))})
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[HEADER])
    output = orjson.loads(answer.content[:length])["outputs"][0]
    assert output["parameters"] == {"binary_data_size": 40}
    scores = struct.unpack("<10f", answer.content[length:])
    assert int(np.argmax(scores)) == 4


async def test_a_body_without_json_is_one_row_of_the_only_input(client):
    answer = await client.post(INFER, content=marked(6).tobytes(), headers={HEADER: "0"})
    assert answer.status_code == 200
    assert int(np.argmax(struct.unpack("<10f", answer.content[int(answer.headers[HEADER]) :]))) == 6


@pytest.mark.parametrize("coding,pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_packed_both_ways(client, coding, pack):
    content = pack(orjson.dumps({"inputs": [tensor(*[2] * 128)]}))
    headers = {"content-encoding": coding, "accept-encoding": coding}
    answer = await client.post(INFER, content=content, headers=headers)
    assert answer.status_code == 200
    assert digits_of(answer) == [2] * 128


async def test_large_answers_are_packed_and_small_ones_are_not(client, backend: FakeClient, monkeypatch):
    monkeypatch.setattr("api.compression._MIN_BYTES", 300)
    for rows, coding in ((1, None), (100, "deflate")):
        body = {"inputs": [tensor(*[2] * rows)]}
        answer = await client.post(INFER, json=body, headers={"accept-encoding": "br, gzip;q=0, deflate"})
        assert answer.headers.get("content-encoding") == coding
        assert digits_of(answer) == [2] * rows


async def test_what_the_server_says_of_itself(client):
    assert (await client.get("/v2")).json() == {
        "name": "triton", "version": "2.51.0", "extensions": ["classification"]
    }  # fmt: skip
    assert (await client.get("/v2/health/live")).json() == {"live": True}
    assert (await client.get("/v2/health/ready")).json() == {"ready": True}


@pytest.mark.parametrize("path", ["/v2/models/mnist_cnn", "/v2/models/mnist_cnn/versions/07"])
async def test_what_it_says_of_a_model(client, path):
    metadata = (await client.get(path)).json()
    assert metadata["inputs"] == [{"name": "INPUT__0", "datatype": "UINT8", "shape": [-1, 1, 28, 28]}]
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("mnist_cnn", ["7"], "onnxruntime_onnx")
    assert (await client.get(f"{path}/ready")).json() == {"name": "mnist_cnn", "ready": True}
    assert (await client.get(f"{path}/config")).json()["max_batch_size"] == 128
    assert (await client.get(f"{path}/stats")).json()["model_stats"][0]["name"] == "mnist_cnn"


async def test_the_list_of_models(client, listed):
    served = [{"name": "mnist_cnn", "version": "7", "state": "READY"}]
    assert (await client.post("/v2/repository/index")).json() == served
    assert (await listed.post("/v2/repository/index")).json() == []
    assert (await client.get("/v2/models/stats")).json()["model_stats"]
    assert (await listed.get("/v2/models/stats")).json() == {"model_stats": []}


@pytest.mark.parametrize("path", ["/v2", "/v2/health/live", "/v2/models/mnist_cnn", "/v2/models/stats"])
async def test_head_wherever_there_is_get(client, path):
    assert (await client.head(path)).status_code == 200


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/models/mnist_cnn", 405),
        ("POST", "/v2/repository/models/mnist_cnn/load", 404),
        ("POST", "/v2/repository/models/mnist_cnn/unload", 404),
        ("GET", "/v2/systemsharedmemory/status", 404),
        ("POST", "/v2/systemsharedmemory/region/a/register", 404),
        ("GET", "/v2/cudasharedmemory/status", 404),
        ("POST", "/v2/trace/setting", 404),
        ("POST", "/v2/logging", 404),
        ("POST", "/v2/models/mnist_cnn/generate", 404),
        ("GET", "/v2/models/mnist_cnn%2Fready", 404),
        ("GET", "/v2/models/mnist_cnn/versions/x", 400),
    ],
)
async def test_what_is_not_served_is_answered_in_the_protocol_s_form(client, method, path, status):
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)
    assert answer.headers["x-request-id"]


async def test_a_model_that_the_settings_don_t_list_is_unknown(listed, backend):
    for method, path in (("POST", INFER), ("GET", "/v2/models/mnist_cnn"), ("GET", "/v2/models/mnist_cnn/config")):
        answer = await listed.request(method, path, json={"inputs": [tensor(1)]})
        assert (answer.status_code, answer.json()) == (
            404,
            {"error": "Request for unknown model: 'mnist_cnn' is not found"},
        )
    assert not backend.batches


async def test_keys_are_asked_for_in_the_protocol_s_form(open_client):
    async with open_client(Settings(keys="good")) as client:
        answer = await client.get("/v2")
        assert (answer.status_code, list(answer.json())) == (401, ["error"])
        assert isinstance(answer.json()["error"], str)
        assert (await client.get("/v2", headers={"x-api-key": "good"})).status_code == 200
        assert (await client.get("/v2/health/live")).status_code == 200


async def test_bodies_have_a_limit_of_their_own_that_counts_unpacked(open_client):
    limits = Settings(max_body_bytes=2000, v2_max_body_bytes=10_000, max_held_bytes=2**20)
    async with open_client(limits) as client:
        assert (await client.post(INFER, json={"inputs": [tensor(1)]})).status_code == 200
        for body, headers in (
            (b" " * 10_001, {}),
            (gzip.compress(b" " * 10_001), {"content-encoding": "gzip"}),
            (zlib.compress(b" " * 2**26), {"content-encoding": "deflate"}),
        ):
            answer = await client.post(INFER, content=body, headers=headers)
            assert answer.status_code == 413, answer.text
            assert "10000" in answer.json()["error"]
        refused = await client.post("/predict", content=b" " * 2001, headers={"content-type": "image/png"})
        assert refused.status_code == 413


@pytest.mark.parametrize("value", [b"\xb3", b"9" * 5000, b"-1", b"abc", b""])
async def test_a_header_that_is_no_length_is_refused(client, value):
    answer = await client.post(INFER, content=b"{}", headers={HEADER.encode(): value})
    assert answer.status_code == 400
    assert "Inference-Header-Content-Length" in answer.json()["error"]


async def test_without_tasks_readiness_asks_the_server(open_client, backend: FakeClient, monkeypatch):
    async with open_client(Settings(tasks="none", ready_ttl_s=0)) as client:
        assert (await client.get("/v2/health/ready")).status_code == 200

        async def away() -> None:
            raise Unavailable("Triton doesn't answer.")

        monkeypatch.setattr(backend, "server", away)
        answer = await client.get("/v2/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"error": "Triton doesn't answer."})
