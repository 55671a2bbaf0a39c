"""The named tensors that a model takes and returns: what its clients, its config and its manifest agree on."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
# (section "Tensor Data Types"), and BF16, which Triton adds.
Datatype = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "BF16",
    "FP32",
    "FP64",
    "BYTES",
]
VARIABLE = -1


class TensorSpec(BaseModel):
    """One input or output of a model."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1)
    dtype: Datatype = Field(description="Datatype of the Open Inference Protocol.")
    shape: tuple[int, ...] = Field(description="Its sides, the batch dimension included; -1 is any length.")
    description: str = Field("", description="What the values mean.")
    labels: tuple[str, ...] = Field((), description="Names of the values along the last dimension, in order.")

    def dims(self, *, batched: bool) -> tuple[int, ...]:
        """Return the shape as ``config.pbtxt`` has it: without the batch dimension of a batched model.

        Triton has no rank 0: a single value has ``(1,)``.
        """
        return (self.shape[1:] if batched else self.shape) or (1,)

    def is_row_scalar(self, *, batched: bool) -> bool:
        """Tell whether a batched model has one value a row: clients see ``(N, 1)`` where the file has ``(N,)``."""
        return batched and len(self.shape) == 1


class Contract(BaseModel):
    """All inputs and outputs of a model."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _read_single_tensors(cls, data: Any) -> Any:  # noqa: ANN401  pydantic passes what the JSON holds
        """Accept the form of the oldest manifests: one ``input`` and one ``output``."""
        if isinstance(data, dict) and {"input", "output"} <= data.keys():
            return {"inputs": [data["input"]], "outputs": [data["output"]]}
        return data
