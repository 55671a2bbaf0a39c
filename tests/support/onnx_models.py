"""ONNX models for the backend's tests, published as files and a config: identities of any type and shape."""

from collections.abc import Sequence
from pathlib import Path

import ml_dtypes
import numpy as np
import torch
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

# Triton's names of the types: ONNX's, NumPy's and PyTorch's.
ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16,
}
NUMPY_TYPES = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BF16": ml_dtypes.bfloat16,
}


def write_onnx(
    folder: Path, nodes: Sequence[NodeProto], inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
) -> None:
    """Write ``1/model.onnx`` below a model's folder."""
    graph = helper.make_graph(nodes, folder.name, inputs, outputs)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (folder / "1").mkdir(parents=True)
    (folder / "1/model.onnx").write_bytes(model.SerializeToString())


def write_config(folder: Path, text: str) -> None:
    """Write ``config.pbtxt`` for one instance on the CPU."""
    (folder / "config.pbtxt").write_text(f"{text} instance_group {{ count: 1 kind: KIND_CPU }}")


class Identities(torch.nn.Module):
    """Returns its inputs."""

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tensors


def publish_identities(repository: Path, name: str, dtypes: Sequence[str], *, batched: bool) -> None:
    """Publish a model with an input ``in_X`` and an output ``out_X`` for each type, which are equal.

    Args:
        repository: The model repository.
        name: The model.
        dtypes: Triton's names of the types.
        batched: Shapes are [rows, any] and rows are batched; otherwise [any, any] without batching.
    """
    dims = ["rows", "columns"]
    nodes = [helper.make_node("Identity", [f"in_{dtype}"], [f"out_{dtype}"]) for dtype in dtypes]
    inputs = [helper.make_tensor_value_info(f"in_{dtype}", ONNX_TYPES[dtype], dims) for dtype in dtypes]
    outputs = [helper.make_tensor_value_info(f"out_{dtype}", ONNX_TYPES[dtype], dims) for dtype in dtypes]
    write_onnx(repository / name, nodes, inputs, outputs)
    write_config(repository / name, f'platform: "onnxruntime_onnx" {_identity_config(dtypes, batched=batched)}')


def publish_torch_identities(repository: Path, name: str, dtypes: Sequence[str], *, batched: bool) -> None:
    """Publish the same as TorchScript."""
    example = tuple(torch.zeros(1, 1) for _ in dtypes)
    module = torch.jit.trace(Identities(), example, check_trace=False)
    (repository / name / "1").mkdir(parents=True)
    module.save(str(repository / name / "1/model.pt"))
    write_config(repository / name, f'platform: "pytorch_libtorch" {_identity_config(dtypes, batched=batched)}')


def _identity_config(dtypes: Sequence[str], *, batched: bool) -> str:
    dims = "[-1]" if batched else "[-1, -1]"
    tensors = "".join(
        f'{kind} {{ name: "{prefix}_{dtype}" data_type: TYPE_{dtype} dims: {dims} }} '
        for kind, prefix in (("input", "in"), ("output", "out"))
        for dtype in dtypes
    )
    return f"max_batch_size: 8 dynamic_batching {{}} {tensors}" if batched else f"max_batch_size: 0 {tensors}"


def publish_sum(repository: Path, name: str, rank: Sequence[str], config: str) -> None:
    """Publish ``total = left + right`` of FP32.

    Args:
        repository: The model repository.
        name: The model.
        rank: The shape of all three in the file; empty is a scalar.
        config: The config's batch size, input and output.
    """
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(rank)) for n in ("left", "right", "total")]
    write_onnx(repository / name, [helper.make_node("Add", ["left", "right"], ["total"])], values[:2], values[2:])
    write_config(repository / name, f'platform: "onnxruntime_onnx" {config}')


def sum_config(max_batch_size: int, tensor: str) -> str:
    """Return the config of ``publish_sum`` with the same type and dims for all three tensors."""
    inputs = "".join(f'input {{ name: "{name}" {tensor} }} ' for name in ("left", "right"))
    return f'max_batch_size: {max_batch_size} {inputs} output {{ name: "total" {tensor} }}'
