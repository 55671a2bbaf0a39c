"""Whether the first dimension is a batch dimension, found by running rows together and alone."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from trainer.publish.batch_dimension import try_out
from trainer.publish.command import open_file

FLOAT = TensorProto.FLOAT


@pytest.fixture
def trial(write):
    def run(nodes, inputs, outputs, **weights):
        path = write(nodes, inputs, outputs, **weights)
        return try_out(open_file(path.read_bytes(), path, ()), path.name)

    return run


def one(trial, kind: str, shape: list, output: list | None = None, dtype: int = FLOAT, **attributes):
    node = helper.make_node(kind, ["x"], ["y"], **attributes)
    return trial([node], [("x", dtype, shape)], [("y", dtype, output or shape)])


def test_rows_that_are_answered_on_their_own_are_a_batch(trial) -> None:
    found = one(trial, "Softmax", ["n", 3], axis=1)
    assert found.batched
    assert found.outputs["y"].shape == (2, 3)


@pytest.mark.parametrize(
    ("kind", "attributes", "reason"),
    [
        ("Softmax", {"axis": 0}, "rows change one another's answers"),
        ("CumSum", {}, "rows change"),
        ("ReduceMax", {"axes": [0]}, "has shape"),
        ("Transpose", {"perm": [1, 0]}, "has shape"),
    ],
)
def test_rows_that_depend_on_one_another_are_no_batch(trial, kind, attributes, reason) -> None:
    outputs = {"ReduceMax": [1, 3], "Transpose": [3, "n"]}.get(kind, ["n", 3])
    if kind == "CumSum":
        node = helper.make_node(kind, ["x", "axis"], ["y"])
        found = trial([node], [("x", FLOAT, ["n", 3])], [("y", FLOAT, outputs)], axis=np.int64(0))
    else:
        found = one(trial, kind, ["n", 3], outputs, **attributes)
    assert not found.batched
    assert reason in found.reason


@pytest.mark.parametrize("shape", [[], [1, 3], [2, 3]])
def test_a_fixed_first_dimension_is_no_batch(trial, shape) -> None:
    found = one(trial, "Neg", shape)
    assert not found.batched
    assert "input 'x' has shape" in found.reason


def test_a_product_of_two_matrices_is_no_batch(trial) -> None:
    node = helper.make_node("MatMul", ["left", "right"], ["y"])
    found = trial([node], [("left", FLOAT, ["m", "k"]), ("right", FLOAT, ["k", "n"])], [("y", FLOAT, ["m", "n"])])
    assert not found.batched
    assert found.outputs["y"].shape == (4, 4)


def test_small_indices_are_found_for_a_small_table(trial) -> None:
    node = helper.make_node("Gather", ["table", "ids"], ["y"])
    found = trial([node], [("ids", TensorProto.INT64, ["n", 4])], [("y", FLOAT, ["n", 4])], table=np.float32([1, 2]))
    assert found.batched
    assert found.inputs["ids"].max() < 2


def test_a_length_that_a_network_for_images_needs_is_found(trial) -> None:
    node = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[16, 16])
    found = trial([node], [("x", FLOAT, ["n", 1, "h", "w"])], [("y", FLOAT, ["n", 1, "a", "b"])])
    assert found.batched
    assert found.inputs["x"].shape == (2, 1, 32, 32)
