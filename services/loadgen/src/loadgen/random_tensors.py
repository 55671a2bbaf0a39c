"""Random tensors for a model's inputs, as arrays and as the protocol's JSON and binary data."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgen.model_signature import DYNAMIC, Signature, TensorSpec

Array = NDArray[Any]

# The protocol's datatypes; BF16 and BYTES have no dtype in NumPy.
DTYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
_FLOATS = {"FP16", "FP32", "FP64", "BF16"}
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz ", "S1")
_MAX_TEXT = 16


def shape_of(spec: TensorSpec, size: int, *, is_batched: bool) -> tuple[int, ...]:
    """Return the shape to send: one row, and ``size`` in place of every other dynamic dimension."""
    rows = (1,) if is_batched else ()
    return rows + tuple(size if dim == DYNAMIC else dim for dim in spec.shape[len(rows) :])


def random_inputs(
    signature: Signature, generator: np.random.Generator, *, max_dim: int, max_int: int
) -> dict[str, Array]:
    """Return an array for each input; BYTES as arrays of ``bytes``, BF16 as float32.

    All dynamic dimensions of a request have one size, since those of several inputs often have to be equal.

    Args:
        signature: The model's.
        generator: The source of randomness.
        max_dim: Largest size of a dynamic dimension.
        max_int: Largest integer, less where the datatype ends before.

    Raises:
        ValueError: An input has an unknown datatype.
    """
    size = int(generator.integers(1, max_dim, endpoint=True))
    return {
        spec.name: _array(spec, shape_of(spec, size, is_batched=signature.is_batched), generator, max_int)
        for spec in signature.inputs
    }


def to_binary(datatype: str, array: Array) -> bytes:
    """Return the elements as the binary tensor extension has them: little-endian, BYTES with their lengths before."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(text)) + text for text in array.reshape(-1).tolist())
    if datatype == "BF16":  # the upper half of a float32
        return (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def to_json(datatype: str, array: Array) -> list[Any]:
    """Return the elements as a flat list for JSON.

    Raises:
        ValueError: JSON has no form for the datatype.
    """
    if datatype in ("FP16", "BF16"):
        raise ValueError(f"{datatype} tensors have no JSON form; set LOADGEN_JSON_TENSORS=false")
    values: list[Any] = array.reshape(-1).tolist()
    return [text.decode() for text in values] if datatype == "BYTES" else values


def _array(spec: TensorSpec, shape: tuple[int, ...], generator: np.random.Generator, max_int: int) -> Array:
    if spec.datatype in _FLOATS:
        return generator.random(shape, np.float32).astype(DTYPES.get(spec.datatype, np.float32))
    if spec.datatype == "BYTES":
        texts = np.empty(int(np.prod(shape)), object)
        for i in range(len(texts)):
            texts[i] = generator.choice(_LETTERS, int(generator.integers(1, _MAX_TEXT))).tobytes()
        return texts.reshape(shape)
    if spec.datatype not in DTYPES:
        raise ValueError(f"input {spec.name} has the unknown datatype {spec.datatype}")
    dtype = DTYPES[spec.datatype]
    most = 1 if dtype is np.bool_ else min(max_int, int(np.iinfo(dtype).max))  # type: ignore[type-var]
    return generator.integers(0, most, shape, np.int64, endpoint=True).astype(dtype)
