"""A file that was made elsewhere, from the command line into the real Triton and back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.e2e.conftest import Trainer
from tests.support.triton_server import TritonServer

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
LEFT, RIGHT = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32([[1, 1, 1], [0, 0, 9]])


class Scaled(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return left * 3, right.sum(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    folder = tmp_path_factory.mktemp("publish")
    (folder / "model_repository").mkdir()
    with TritonServer(folder / "model_repository", folder / "triton") as server:
        yield server


@pytest.fixture(scope="module")
def publisher(server: TritonServer) -> Trainer:
    return Trainer(server.repository, server)


@pytest.fixture
def ask(server: TritonServer) -> Callable[..., dict[str, np.ndarray]]:
    """Ask Triton's own port; return the outputs and the version."""

    def infer(model: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        with InferenceServerClient(server.grpc_url) as client:
            given = []
            for name, array in inputs.items():
                given.append(InferInput(name, list(array.shape), "FP32"))
                given[-1].set_data_from_numpy(array)
            answer = client.infer(model, given, client_timeout=30)
            found = {output.name: answer.as_numpy(output.name) for output in answer.get_response().outputs}
            return {**found, "version": answer.get_response().model_version}

    return infer


def graph(folder: Path, factor: str) -> Path:
    """Two inputs, two outputs; ``factor`` is the operator of the first."""
    nodes = [
        helper.make_node(factor, ["left", "right"], ["both"]),
        helper.make_node("ReduceMax", ["right"], ["most"], axes=[1], keepdims=0),
    ]
    sides = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("left", "right", "both")
    }
    most = helper.make_tensor_value_info("most", TensorProto.FLOAT, ["n"])
    body = helper.make_graph(nodes, "pair", [sides["left"], sides["right"]], [sides["both"], most])
    path = folder / f"{factor}.onnx"
    onnx.save(helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_file_is_published_served_listed_and_rolled_back(publisher: Trainer, server, ask, tmp_path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\n")
    done = publisher.run("publish", str(graph(tmp_path, "Add")), "--model", "pair", "--labels", f"both:{labels}")
    assert f"version 1 on Triton at {server.grpc_url}" in done.stdout
    answer = ask("pair", right=RIGHT, left=LEFT)
    assert answer["both"].tolist() == (LEFT + RIGHT).tolist()
    assert answer["most"].tolist() == [[1.0], [9.0]]  # Triton has no rank 0: a value a row is (N, 1)

    publisher.run("publish", str(graph(tmp_path, "Mul")), "--model", "pair")
    assert ask("pair", left=LEFT, right=RIGHT)["both"].tolist() == (LEFT * RIGHT).tolist()
    rows = [row.split()[:3] for row in publisher.run("list").stdout.splitlines()]
    assert ["pair"] in rows
    assert ["2", "served", "onnx"] in rows
    assert ["1", "retired", "onnx"] in rows

    publisher.run("rollback", "--model", "pair")
    assert ask("pair", left=LEFT, right=RIGHT)["version"] == "1"
    assert classes(server, "pair") == ["3.000000:1:b", "15.000000:2:c"]
    publisher.run("promote", "2", "--model", "pair")
    assert ask("pair", left=LEFT, right=RIGHT)["version"] == "2"


def test_a_canary_is_served_beside_the_served_version(publisher: Trainer, server, ask, tmp_path) -> None:
    def ready() -> list[bool]:
        with InferenceServerClient(server.grpc_url) as client:
            return [client.is_model_ready("steps", version) for version in ("1", "2")]

    for factor in ("Add", "Mul"):
        publisher.run("publish", str(graph(tmp_path, factor)), "--model", "steps")
    publisher.run("rollback", "--model", "steps")
    assert ready() == [True, False]
    publisher.run("canary", "2", "--model", "steps")
    assert ready() == [True, True]
    rows = [row.split()[:2] for row in publisher.run("list").stdout.splitlines()]
    assert ["1", "served"] in rows
    assert ["2", "canary"] in rows
    publisher.run("promote", "2", "--model", "steps")
    assert ready() == [False, True]
    assert ask("steps", left=LEFT, right=RIGHT)["version"] == "2"


def classes(server: TritonServer, model: str) -> list[str]:
    """Ask for the best class of each row, by its label."""
    with InferenceServerClient(server.grpc_url) as client:
        given = [InferInput(name, [2, 3], "FP32") for name in ("left", "right")]
        for tensor, array in zip(
            given, (np.float32([[1, 2, 0], [4, 5, 6]]), np.float32([[1, 1, 1], [0, 0, 9]])), strict=True
        ):
            tensor.set_data_from_numpy(array)
        answer = client.infer(model, given, outputs=[InferRequestedOutput("both", class_count=1)], client_timeout=30)
        return [value.decode() for value in answer.as_numpy("both").ravel()]


def test_torchscript_is_published_by_naming_its_inputs(publisher: Trainer, ask, tmp_path) -> None:
    path = tmp_path / "scaled.pt"
    torch.jit.script(Scaled()).save(str(path))
    publisher.run("publish", str(path), "--model", "scaled", "--input", "left:FP32:-1,3", "--input", "right:FP32:-1,3")
    answer = ask("scaled", left=LEFT, right=RIGHT)
    assert answer["OUTPUT__0"].tolist() == (LEFT * 3).tolist()
    assert answer["OUTPUT__1"].tolist() == [[3.0], [9.0]]


DTYPES = (
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FLOAT16",
    "BFLOAT16",
    "FLOAT",
    "DOUBLE",
)


@pytest.mark.long
@pytest.mark.parametrize("shape", [["n", 3], [], ["n"], [2, 2]], ids=str)
def test_every_datatype_and_rank_is_published_and_compared(publisher: Trainer, tmp_path, shape) -> None:
    nodes = [helper.make_node("Identity", [f"x_{dtype}"], [f"y_{dtype}"]) for dtype in DTYPES]
    inputs, outputs = (
        [helper.make_tensor_value_info(f"{side}_{dtype}", TensorProto.DataType.Value(dtype), shape) for dtype in DTYPES]
        for side in "xy"
    )
    body = helper.make_graph(nodes, "same", inputs, outputs)
    path = tmp_path / "same.onnx"
    onnx.save(helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    name = f"same_{len(shape)}_{shape[0] if shape else 0}"
    assert "serving     version 1 on Triton" in publisher.run("publish", str(path), "--model", name).stdout
    publisher.run("publish", str(path), "--model", name)
    assert "serving     version 1 on Triton" in publisher.run("rollback", "--model", name).stdout


def test_a_model_that_triton_refuses_is_not_left_published(publisher: Trainer, server, ask, tmp_path) -> None:
    path, config = graph(tmp_path, "Sub"), tmp_path / "given.pbtxt"
    # The file is right and its warm-up isn't: Triton finds that out when it loads the version.
    config.write_text(
        'model_warmup { name: "w" batch_size: 1 inputs { key: "no_such" value { data_type: TYPE_FP32 dims: [3] '
        "zero_data: true } } }"
    )
    refused = publisher.run("publish", str(path), "--model", "sub", "--config", str(config), check=False)
    assert refused.returncode == 10, refused.stderr
    assert not (server.repository / "sub/config.pbtxt").exists()
    publisher.run("publish", str(path), "--model", "sub")
    refused = publisher.run("publish", str(path), "--model", "sub", "--config", str(config), check=False)
    assert refused.returncode == 10, refused.stderr
    assert "is served again" in refused.stderr
    assert ask("sub", left=LEFT, right=RIGHT)["both"].tolist() == (LEFT - RIGHT).tolist()


def test_a_wrong_admin_key_publishes_nothing(publisher: Trainer, server, tmp_path) -> None:
    path = graph(tmp_path, "Div")
    refused = publisher.run("publish", str(path), "--model", "div", check=False, TRAINER_TRITON_ADMIN_KEY="wrong")
    assert refused.returncode == 11
    assert not (server.repository / "div").exists()
    with InferenceServerClient(server.grpc_url) as client, pytest.raises(InferenceServerException):
        client.get_model_metadata("div")
