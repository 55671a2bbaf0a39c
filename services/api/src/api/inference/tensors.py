"""Named tensors as numpy arrays, and the datatypes of the Open Inference Protocol that they have on the wire.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]
Tensors = Mapping[str, Tensor]

# BYTES are arrays of `bytes` objects. NumPy itself has no BF16.
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")


def datatype_of(tensor: Tensor) -> str:
    """Return the protocol's datatype of an array.

    Raises:
        TypeError: The protocol has none for its dtype.
    """
    try:
        return _DATATYPES[tensor.dtype]
    except KeyError:
        raise TypeError(f"dtype {tensor.dtype} has no datatype; use one of {', '.join(DTYPES)}") from None


def to_wire(tensor: Tensor) -> bytes | memoryview:
    """Return a tensor's elements as they go over the wire: little-endian, row by row, BYTES behind their lengths.

    What is in memory like that already isn't copied.
    """
    if tensor.dtype == np.object_:
        return b"".join([_LENGTH.pack(len(element)) + element for element in tensor.flat])
    return np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data


def from_wire(data: bytes | memoryview, datatype: str, shape: Iterable[int]) -> Tensor:
    """Return a read-only array over the elements on the wire; only BYTES are copied.

    Args:
        data: The elements.
        datatype: The protocol's datatype.
        shape: The tensor's shape, each dimension ≥ 0.

    Raises:
        ValueError: The datatype is unknown, or the data's length doesn't match the shape.
    """
    dims = tuple(shape)
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise ValueError(f"datatype {datatype} is unknown; use one of {', '.join(DTYPES)}")
    elements = 1
    for dim in dims:
        elements *= dim
    if dtype == np.object_:
        return _strings(memoryview(data), elements).reshape(dims)
    if len(data) != elements * dtype.itemsize:
        raise ValueError(f"{datatype} of shape {list(dims)} takes {elements * dtype.itemsize} bytes, not {len(data)}")
    return np.frombuffer(data, dtype).reshape(dims)


def _strings(data: memoryview, elements: int) -> NDArray[np.object_]:
    """Return the elements of a BYTES tensor, each of which follows its length in four bytes."""
    # Each element takes four bytes at least: a shape that claims more must not allocate them.
    if elements * _LENGTH.size > len(data):
        raise ValueError(f"{elements} elements of BYTES take at least {elements * _LENGTH.size} bytes, not {len(data)}")
    strings = np.empty(elements, np.object_)
    position = 0
    for index in range(elements):
        start = position + _LENGTH.size
        if start > len(data):
            raise ValueError(f"the BYTES data ends before element {index} of {elements}")
        position = start + _LENGTH.unpack_from(data, position)[0]
        if position > len(data):
            raise ValueError(f"element {index} of the BYTES data claims more bytes than there are")
        strings[index] = bytes(data[start:position])
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes follow the last element of the BYTES data")
    return strings


def concatenate(batch: list[Tensors]) -> Tensors:
    """Return the rows of several sets of tensors with the same names, dtypes and trailing shapes as one set."""
    if len(batch) == 1:
        return batch[0]
    return {name: np.concatenate([tensors[name] for tensors in batch]) for name in batch[0]}


def rows_of(tensors: Tensors) -> int:
    """Return how many rows a set of batched tensors has.

    Raises:
        ValueError: There is no row, or the tensors differ in their number of rows.
    """
    counts = {tensor.shape[0] if tensor.ndim else 0 for tensor in tensors.values()}
    if len(counts) != 1 or 0 in counts:
        shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"every tensor needs the same number of rows, at least one; given: {shapes or 'none'}")
    return counts.pop()


def signature_of(tensors: Tensors) -> tuple[tuple[str, Any, tuple[int, ...]], ...]:
    """Return name, dtype and the shape of a row of each tensor: what has to be alike for rows to share a call."""
    return tuple([(name, tensor.dtype, tensor.shape[1:]) for name, tensor in tensors.items()])
