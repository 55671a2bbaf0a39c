"""A model's config, as Triton passes it to a backend: tensors, batch dimension, parameters."""

from typing import Any, NamedTuple

import torch

# Triton's data types and PyTorch's. TYPE_STRING is missing: docs/decisions/0011-strings.md.
DTYPES = {
    "TYPE_BOOL": torch.bool,
    "TYPE_UINT8": torch.uint8,
    "TYPE_UINT16": torch.uint16,
    "TYPE_UINT32": torch.uint32,
    "TYPE_UINT64": torch.uint64,
    "TYPE_INT8": torch.int8,
    "TYPE_INT16": torch.int16,
    "TYPE_INT32": torch.int32,
    "TYPE_INT64": torch.int64,
    "TYPE_FP16": torch.float16,
    "TYPE_FP32": torch.float32,
    "TYPE_FP64": torch.float64,
    "TYPE_BF16": torch.bfloat16,
}


class TensorConfig(NamedTuple):
    """One input or output of the config."""

    name: str
    data_type: str  # Triton's, such as TYPE_FP32
    dims: tuple[int, ...]  # as the model sees them, without the batch dimension; -1 is any size


class ModelConfig:
    """What a backend needs of the config.

    Args:
        config: The config as Triton's JSON.

    Raises:
        ValueError: The config asks for what the Python-based backends can't serve.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.is_batched = int(config.get("max_batch_size", 0)) > 0
        self.inputs = [_tensor_config(entry, "input") for entry in config["input"]]
        self.outputs = [_tensor_config(entry, "output") for entry in config["output"]]
        self.file_name: str | None = config.get("default_model_filename") or None
        self._parameters = config.get("parameters", {})

    def threads(self, parameter: str) -> int:
        """Return the number of threads of an instance: 1 unless set, since parallel requests use the cores.

        Args:
            parameter: The native backend's name of the setting.
        """
        return max(1, int(self._parameters.get(parameter, {}).get("string_value") or 1))

    def data_types(self) -> set[str]:
        """Return the data types of all tensors."""
        return {tensor.data_type for tensor in [*self.inputs, *self.outputs]}


def _tensor_config(entry: dict[str, Any], kind: str) -> TensorConfig:
    name, data_type = entry["name"], entry["data_type"]
    if data_type == "TYPE_STRING":
        raise ValueError(
            f"{kind} '{name}' is TYPE_STRING, which the Python-based backends can't serve: convert strings to UINT8 or "
            "INT64 tensors outside of the model, or serve it with NVIDIA's image"
        )
    if data_type not in DTYPES:
        raise ValueError(f"{kind} '{name}' is {data_type}; served are {', '.join(DTYPES)}")
    if entry.get("optional"):
        raise ValueError(f"{kind} '{name}' is optional, which the Python-based backends can't serve: remove `optional`")
    dims = entry["reshape"]["shape"] if "reshape" in entry else entry["dims"]
    return TensorConfig(name, data_type, tuple(int(size) for size in dims))
