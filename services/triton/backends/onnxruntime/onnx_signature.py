"""Compares a config's tensors with those of the ONNX file, so that a mismatch fails the load and not the requests."""

from collections.abc import Sequence
from typing import Any

from python_backend.config import ModelConfig, TensorConfig

_ONNX_TYPES = {
    "TYPE_BOOL": "tensor(bool)",
    "TYPE_UINT8": "tensor(uint8)",
    "TYPE_UINT16": "tensor(uint16)",
    "TYPE_UINT32": "tensor(uint32)",
    "TYPE_UINT64": "tensor(uint64)",
    "TYPE_INT8": "tensor(int8)",
    "TYPE_INT16": "tensor(int16)",
    "TYPE_INT32": "tensor(int32)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_FP16": "tensor(float16)",
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
    "TYPE_BF16": "tensor(bfloat16)",
}


def check_signature(config: ModelConfig, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Compare names, types and ranks.

    Args:
        config: The model's config.
        inputs: The file's inputs: ONNX Runtime's ``NodeArg``, with name, type and shape.
        outputs: The file's outputs.

    Raises:
        ValueError: A tensor is missing on one side, or its type or rank differs.
    """
    names = {tensor.name for tensor in config.inputs}
    for node in inputs:
        if node.name not in names:
            raise ValueError(f"input '{node.name}' of the file isn't in the config")
    for kind, tensors, nodes in (("input", config.inputs, inputs), ("output", config.outputs, outputs)):
        found = {node.name: node for node in nodes}
        for tensor in tensors:
            if tensor.name not in found:
                known = ", ".join(f"'{name}'" for name in found)
                raise ValueError(f"{kind} '{tensor.name}' of the config isn't in the file, which has {known}")
            _compare(f"{kind} '{tensor.name}'", tensor, found[tensor.name], is_batched=config.is_batched)


def scalars(inputs: Sequence[Any], config: ModelConfig) -> set[str]:
    """Return the inputs that have rank 0 in the file and ``dims: [1]`` in the config: Triton has no rank 0."""
    if config.is_batched:
        return set()
    ranks = {node.name: len(node.shape) for node in inputs}
    return {tensor.name for tensor in config.inputs if tensor.dims == (1,) and ranks[tensor.name] == 0}


def _compare(what: str, tensor: TensorConfig, node: Any, *, is_batched: bool) -> None:  # noqa: ANN401 - no stubs
    if not node.type.startswith("tensor("):
        raise ValueError(f"{what} is {node.type} in the file: only tensors can be served; export the model without it")
    if node.type != _ONNX_TYPES[tensor.data_type]:
        raise ValueError(f"{what} is {tensor.data_type} in the config and {node.type} in the file")
    rank = len(tensor.dims) + is_batched
    # ONNX Runtime gives an empty shape for rank 0 and for an unknown rank alike.
    if node.shape and len(node.shape) != rank:
        batch = "with the batch dimension " if is_batched else ""
        raise ValueError(f"{what} has {rank} dimensions {batch}in the config and {len(node.shape)} in the file")
