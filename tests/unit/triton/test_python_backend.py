"""The parts of the Python-based backends that need no Triton."""

import hashlib
import json
from types import SimpleNamespace

import pytest
import torch
from onnx_signature import check_signature, scalars
from python_backend.batches import concatenate, group_by_shape, split
from python_backend.checksum import check_sum
from python_backend.config import ModelConfig
from python_backend.layout import to_c_order


def entry(name: str, data_type: str = "TYPE_FP32", dims: tuple[int, ...] = (-1,), **more) -> dict:
    return {"name": name, "data_type": data_type, "dims": [str(size) for size in dims], **more}


def config(*inputs: dict, batch: int = 8, **more) -> ModelConfig:
    return ModelConfig({"max_batch_size": batch, "input": list(inputs), "output": [entry("y")], **more})


def node(name: str, kind: str = "tensor(float)", shape: tuple = ("n", "k")) -> SimpleNamespace:
    return SimpleNamespace(name=name, type=kind, shape=list(shape))


def test_requests_of_one_type_and_trailing_shape_are_a_group():
    shapes = [(1, 3), (2, 4), (5, 3), (1, 3, 1)]
    requests = [[torch.zeros(shape), torch.zeros(shape[0], 2)] for shape in shapes]
    requests.append([torch.zeros(1, 3, dtype=torch.int8), torch.zeros(1, 2)])
    assert group_by_shape(requests) == [[0, 2], [1], [3], [4]]


def test_rows_are_put_together_and_split_again():
    requests = [[torch.full((rows, 2), float(rows))] for rows in (1, 3, 2)]
    (together,) = concatenate(requests)
    parts = split("y", together, [1, 3, 2])
    assert [part.tolist() for part in parts] == [request[0].tolist() for request in requests]
    assert concatenate(requests[:1])[0] is requests[0][0]


@pytest.mark.parametrize("answer", [torch.zeros(()), torch.zeros(4, 2)])
def test_an_output_without_a_row_for_each_input_is_an_error(answer):
    with pytest.raises(ValueError, match=r"output 'y' has shape .* for 3 rows of input"):
        split("y", answer, [1, 2])


@pytest.mark.parametrize(
    "shape,strides", [((2, 0), (0, 1)), ((0, 3), (3, 1)), ((2, 3, 0), (0, 0, 1)), ((2, 0, 3), (0, 3, 1)), ((0,), (1,))]
)
def test_a_tensor_without_elements_gets_the_strides_that_the_stub_compares(shape, strides):
    found = to_c_order(torch.empty(shape, dtype=torch.bfloat16))
    assert (found.shape, found.stride(), found.dtype) == (shape, strides, torch.bfloat16)


def test_another_order_is_copied_and_c_order_is_not():
    tensor = torch.arange(6).reshape(2, 3)
    assert to_c_order(tensor).data_ptr() == tensor.data_ptr()
    assert to_c_order(tensor.T).stride() == (2, 1)
    assert to_c_order(tensor.T).tolist() == tensor.T.tolist()


def test_the_config_gives_tensors_as_the_model_sees_them():
    found = config(entry("x", dims=(1,), reshape={"shape": []}), batch=0, default_model_filename="m.onnx")
    assert found.inputs == [("x", "TYPE_FP32", ())]
    assert not found.is_batched
    assert found.file_name == "m.onnx"


def test_threads_are_one_unless_set():
    found = config(entry("x"), parameters={"many": {"string_value": "4"}, "none": {"string_value": ""}})
    assert [found.threads(name) for name in ("many", "none", "missing")] == [4, 1, 1]


@pytest.mark.parametrize(
    "given,said",
    [
        (entry("x", "TYPE_STRING"), "input 'x' is TYPE_STRING"),
        (entry("x", "TYPE_INVALID"), "input 'x' is TYPE_INVALID"),
        (entry("x", optional=True), "input 'x' is optional"),
    ],
)
def test_tensors_that_cannot_be_served_are_named(given, said):
    with pytest.raises(ValueError, match=said):
        config(given)


def test_a_matching_signature_passes():
    check_signature(config(entry("x")), [node("x")], [node("y"), node("more")])
    unknown_rank = [node("x", shape=())]
    check_signature(config(entry("x")), unknown_rank, [node("y")])


@pytest.mark.parametrize(
    "inputs,outputs,said",
    [
        ([node("x"), node("z")], [node("y")], "input 'z' of the file isn't in the config"),
        ([node("z")], [node("y")], "input 'z' of the file isn't in the config"),
        ([node("x")], [node("z")], "output 'y' of the config isn't in the file, which has 'z'"),
        ([node("x", "tensor(int64)")], [node("y")], "TYPE_FP32 in the config and tensor.int64. in the file"),
        ([node("x")], [node("y", "seq(map(int64,tensor(float)))")], "only tensors can be served"),
        (
            [node("x", shape=("n",))],
            [node("y")],
            "2 dimensions with the batch dimension in the config and 1 in the file",
        ),
    ],
)
def test_a_mismatch_is_named(inputs, outputs, said):
    with pytest.raises(ValueError, match=said):
        check_signature(config(entry("x")), inputs, outputs)


def test_scalars_are_inputs_of_rank_0_that_the_config_gives_one_element():
    nodes = [node("a", shape=()), node("b", shape=(1,)), node("c", shape=())]
    entries = [entry("a", dims=(1,)), entry("b", dims=(1,)), entry("c", dims=(-1,))]
    assert scalars(nodes, config(*entries, batch=0)) == {"a"}
    assert scalars(nodes, config(*entries)) == set()


def test_the_checksum_is_compared_where_there_is_a_manifest(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"model")
    check_sum(file)
    (tmp_path / "manifest.json").write_text(json.dumps({"sha256": hashlib.sha256(b"model").hexdigest()}))
    check_sum(file)
    file.write_bytes(b"another")
    with pytest.raises(ValueError, match="SHA-256 differs"):
        check_sum(file)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="can't be read"):
        check_sum(file)
