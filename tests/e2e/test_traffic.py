"""Shares of a model's traffic between two versions that Triton serves at once."""

import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support import toy_models
from tests.support.api_server import ApiServer
from tests.support.triton_server import TritonServer

INFER = "/v2/models/sums/infer"
GIVEN = {"name": "INPUT__0", "datatype": "UINT8", "shape": [1, 1, 1, 28], "data": [1] * 28}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("traffic")
    repository = folder / "model_repository"
    repository.mkdir()
    for version in (1, 2):
        toy_models.publish(repository, version)
    config = repository / "sums/config.pbtxt"
    config.write_text(config.read_text().replace("versions: [2]", "versions: [1, 2]"))
    shares = folder / "traffic"
    shares.write_text("# none yet\n")
    with (
        TritonServer(repository, folder / "triton") as triton,
        ApiServer(folder / "api", triton.grpc_url, API_TASKS="none", API_TRAFFIC_FILE=str(shares)) as api,
        httpx.Client(base_url=api.url, timeout=30) as client,
    ):
        api.wait_ready()
        yield client, shares


def ask(client: httpx.Client, path: str = INFER) -> str:
    answer = client.post(path, json={"inputs": [GIVEN]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    outputs = {output["name"]: output["data"] for output in body["outputs"]}
    assert outputs["OUTPUT__0"] == [28]
    # The model itself says which version it is.
    np.testing.assert_array_equal(outputs["OUTPUT__1"], [float(body["model_version"])])
    return body["model_version"]


def test_requests_go_to_versions_by_share_and_without_a_restart(served):
    client, shares = served
    assert {ask(client) for _ in range(10)} == {"2"}
    assert ask(client, "/v2/models/sums/versions/1/infer") == "1"
    shares.write_text("sums:1:50\n")
    time.sleep(2.5)
    drawn = Counter(ask(client) for _ in range(200))
    assert 60 < drawn["1"] < 140
    assert {ask(client, "/v2/models/sums/versions/2/infer") for _ in range(10)} == {"2"}
    shares.write_text("sums:9:50\nsums:1:50\n")
    time.sleep(2.5)
    assert set(Counter(ask(client) for _ in range(50))) == {"1", "2"}, "a version that is gone leaves its share"
    shares.write_text("sums:1:\n")
    time.sleep(2.5)
    assert set(Counter(ask(client) for _ in range(50))) == {"1", "2"}, "a file that is wrong changes nothing"


def test_answers_are_counted_by_model_and_version(served):
    client, _ = served
    time.sleep(0.3)
    text = client.get("/metrics").text
    for version in ("1", "2"):
        for name in ("api_inferences_total", "api_inference_duration_seconds_count"):
            assert f'{name}{{model="sums",version="{version}"}}' in text
