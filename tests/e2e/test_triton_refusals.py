"""Models that the wheel's Triton can't serve: the load fails with a message, and the other models are served."""

import json
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from tritonclient.grpc import InferenceServerClient, InferInput

from tests.support.onnx_models import publish_identities, publish_sum, sum_config, write_config, write_onnx
from tests.support.process import BIN, wait_until
from tests.support.triton_server import TritonServer

FP32 = "data_type: TYPE_FP32 dims: [-1]"
BAD_NAMES = ["a model", "model;true", "$(true)"]


def publish_strings(repository: Path, name: str, platform: str = "onnxruntime_onnx") -> None:
    text = helper.make_tensor_value_info("text", TensorProto.STRING, ["rows", 1])
    same = helper.make_tensor_value_info("same", TensorProto.STRING, ["rows", 1])
    write_onnx(repository / name, [helper.make_node("Identity", ["text"], ["same"])], [text], [same])
    write_config(
        repository / name,
        f'platform: "{platform}" max_batch_size: 8 '
        'input { name: "text" data_type: TYPE_STRING dims: [1] } '
        'output { name: "same" data_type: TYPE_STRING dims: [1] }',
    )


def publish_maps(repository: Path, name: str) -> None:
    """Publish a classifier's output as scikit-learn's converter writes it by default: a sequence of maps."""
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 2])
    mapped = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    maps = helper.make_value_info("maps", helper.make_sequence_type_proto(mapped))
    node = helper.make_node("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    write_onnx(repository / name, [node], [scores], [maps])
    write_config(
        repository / name,
        'platform: "onnxruntime_onnx" max_batch_size: 8 '
        'input { name: "scores" data_type: TYPE_FP32 dims: [2] } '
        'output { name: "maps" data_type: TYPE_FP32 dims: [2] }',
    )


REFUSED = {
    "strings": "input 'text' is TYPE_STRING",
    "torch_strings": "input 'text' is TYPE_STRING",
    "maps": r"output 'maps' is seq(map(int64,tensor(float))) in the file",
    "wrong_type": "input 'left' is TYPE_INT32 in the config and tensor(float) in the file",
    "wrong_rank": "input 'left' has 3 dimensions with the batch dimension in the config and 2 in the file",
    "wrong_name": "output 'nothing' of the config isn't in the file",
    "missing_input": "input 'right' of the file isn't in the config",
    "optional": "input 'right' is optional",
    "no_model": "can't be loaded",
    "rank_0": "must specify 'dims'",
    "empty_reshape": "cannot have empty reshape",
}


def publish_refused(repository: Path) -> None:
    publish_strings(repository, "strings")
    publish_strings(repository, "torch_strings", "pytorch_libtorch")
    (repository / "torch_strings/1/model.onnx").rename(repository / "torch_strings/1/model.pt")
    publish_maps(repository, "maps")
    good = sum_config(8, FP32)
    configs = {
        "wrong_type": sum_config(8, "data_type: TYPE_INT32 dims: [-1]"),
        "wrong_rank": sum_config(8, "data_type: TYPE_FP32 dims: [-1, -1]"),
        "wrong_name": good.replace('"total"', '"nothing"'),
        "missing_input": good.replace(f'input {{ name: "right" {FP32} }}', ""),
        "optional": good.replace(f'"right" {FP32}', f'"right" {FP32} optional: true'),
        "no_model": good,
    }
    for name, config in configs.items():
        publish_sum(repository, name, ["rows", "columns"], config)
    (repository / "no_model/1/model.onnx").write_bytes(b"not a model")
    publish_sum(repository, "rank_0", [], sum_config(0, "data_type: TYPE_FP32 dims: []"))
    publish_sum(repository, "empty_reshape", [], sum_config(0, "data_type: TYPE_FP32 dims: [1] reshape { shape: [] }"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose environment names neither this Python's folder nor its packages."""
    folder = tmp_path_factory.mktemp("refusals")
    repository = folder / "model_repository"
    publish_refused(repository)
    for name in ("good", *BAD_NAMES):
        publish_identities(repository, name, ["FP32"], batched=True)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != str(BIN))
    with TritonServer(repository, folder / "triton", PATH=path) as server:
        with InferenceServerClient(server.grpc_url) as client:
            wait_until(lambda: client.is_model_ready("good"), 60, "the good model")
        yield server


@pytest.fixture(scope="module")
def index(server) -> dict[str, dict[str, str]]:
    request = urllib.request.Request(f"{server.http_url}/v2/repository/index", b"{}", {"admin-key": server.admin_key})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {model["name"]: model for model in json.load(answer)}


@pytest.mark.parametrize("model", REFUSED)
def test_a_model_that_cannot_be_served_is_refused_at_load(index, model):
    assert index[model]["state"] == "UNAVAILABLE"
    assert REFUSED[model] in index[model]["reason"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_a_shell_would_change_is_logged_and_not_loaded(server, index, name):
    assert f"model {name!r} isn't loaded: its name may have letters, digits and . _ - only" in server.log.read_text()
    assert "state" not in index[name]


def test_the_other_models_are_served_and_the_server_stops(server):
    with InferenceServerClient(server.grpc_url) as client:
        array = np.ones((2, 3), np.float32)
        given = InferInput("in_FP32", [2, 3], "FP32")
        given.set_data_from_numpy(array)
        assert client.infer("good", [given], client_timeout=30).as_numpy("out_FP32").tolist() == array.tolist()
    assert server.stop(within_s=20) == 0
