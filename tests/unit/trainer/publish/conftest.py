"""Files that a user could bring: small ONNX graphs and TorchScript networks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from modelrepo.repository import Repository

Side = int | str
Tensor = tuple[str, int, list[Side]]
FLOAT = TensorProto.FLOAT


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", "my_model")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a graph; weights by name."""

    def write_graph(nodes, inputs: list[Tensor], outputs: list[Tensor], *, opset: int = 17, **weights) -> Path:
        graph = helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info(*tensor) for tensor in inputs],
            [helper.make_tensor_value_info(*tensor) for tensor in outputs],
            initializer=[numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        path = tmp_path / "my.onnx"
        onnx.save(model, path)
        return path

    return write_graph


@pytest.fixture
def two_by_two(write) -> Path:
    """Two inputs; two outputs, one of them a single value a row."""
    return write(
        [
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("ReduceMax", ["b"], ["most"], axes=[1], keepdims=0),
        ],
        [("a", FLOAT, ["n", 3]), ("b", FLOAT, ["n", 3])],
        [("sum", FLOAT, ["n", 3]), ("most", FLOAT, ["n"])],
    )


class Pair(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return left + right, left.sum(1)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "pair.pt"
    torch.jit.script(Pair()).save(str(path))
    return path
