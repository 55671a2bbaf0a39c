"""Inputs and outputs of a model, from its metadata and its configuration at the api."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DYNAMIC = -1


class TensorSpec(NamedTuple):
    """A tensor as the model declares it.

    Attributes:
        name: Its name.
        datatype: The Open Inference Protocol's datatype.
        shape: Its dimensions, the batch's first where the model has one; -1 is any size.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


class Signature(NamedTuple):
    """What a model takes and answers.

    Attributes:
        model: Its name.
        inputs, outputs: Its tensors.
        is_batched: Whether the first dimension of every tensor counts rows.
    """

    model: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    is_batched: bool


def signature_of(metadata: Mapping[str, Any], config: Mapping[str, Any]) -> Signature:
    """Read the answers of ``/v2/models/{model}`` and ``/v2/models/{model}/config``.

    Raises:
        ValueError: They aren't what the protocol says.
    """
    try:
        inputs, outputs = (
            tuple(
                TensorSpec(str(entry["name"]), str(entry["datatype"]), tuple(map(int, entry["shape"])))
                for entry in metadata[kind]
            )
            for kind in ("inputs", "outputs")
        )
        return Signature(str(metadata["name"]), inputs, outputs, int(config.get("max_batch_size", 0)) > 0)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ValueError("the metadata has no name, inputs or outputs of the protocol's form") from exc
