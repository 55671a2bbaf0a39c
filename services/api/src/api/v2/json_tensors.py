"""Tensors as JSON: numbers, truth values or texts in rows, flat or nested."""

from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.inference.tensors import DTYPES, Tensor, datatype_of

# JSON has no 16-bit floats: what a client would write isn't what the model would get.
_BINARY_ONLY = frozenset({"FP16", "BF16"})


def from_json(data: object, datatype: str, shape: tuple[int, ...]) -> Tensor:
    """Return the tensor that a request's ``data`` holds.

    Args:
        data: Lists of elements, nested at most as deep as the shape.
        datatype: The protocol's datatype.
        shape: The tensor's shape, each dimension ≥ 0.

    Raises:
        ValueError: The elements aren't of the datatype, are out of its range, or don't fill the shape.
    """
    if datatype in _BINARY_ONLY:
        raise ValueError(f"{datatype} can't be sent as JSON; send it as binary data, with binary_data_size")
    if not isinstance(data, list):
        raise ValueError("data is no list")  # noqa: TRY004 - one error for all that is wrong
    flat = _flattened(data, len(shape))
    if len(flat) != prod(shape):
        raise ValueError(f"shape {list(shape)} takes {prod(shape)} elements, not {len(flat)}")
    return _array(flat, datatype).reshape(shape)


def to_json(tensor: Tensor) -> list[str] | Tensor:
    """Return a tensor's elements in one row, as orjson can write them.

    Raises:
        ValueError: JSON can't hold them.
    """
    datatype = datatype_of(tensor)
    if datatype in _BINARY_ONLY:
        raise ValueError(f"{datatype} can't be sent as JSON; ask for it with binary_data")
    flat = np.ascontiguousarray(tensor).reshape(-1)
    if datatype == "BYTES":
        return _texts(flat)
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise ValueError("NaN and Infinity can't be sent as JSON; ask for the tensor with binary_data")
    return flat


def _flattened(data: list[Any], max_depth: int) -> list[Any]:
    """Return the elements of nested lists, which have to be as long as their neighbours."""
    for _ in range(max_depth - 1):
        if not data or type(data[0]) is not list:
            return data
        if set(map(type, data)) != {list} or len(set(map(len, data))) != 1:
            raise ValueError("the lists in data are of different lengths or depths")
        data = list(chain.from_iterable(data))
    if not data or type(data[0]) is not list:
        return data
    raise ValueError(f"data is nested deeper than its shape, which has {max_depth} dimensions")


def _array(flat: list[Any], datatype: str) -> Tensor:
    dtype = DTYPES[datatype]
    kinds = set(map(type, flat))
    if datatype == "BYTES":
        _expect(kinds, {str}, "texts")
        texts = np.empty(len(flat), np.object_)
        texts[:] = [text.encode() for text in flat]
        return texts
    if datatype == "BOOL":
        _expect(kinds, {bool}, "true and false")
        return np.array(flat, dtype)
    if dtype.kind == "f":
        _expect(kinds, {int, float}, "numbers")
        return _floats(flat, dtype, datatype)
    # What has no place in 64 bits has become a float.
    _expect(kinds, {int}, f"whole numbers within {datatype}'s range")
    try:
        return np.array(flat, dtype)
    except OverflowError:
        limits = np.iinfo(dtype)
        raise ValueError(f"an element is out of {datatype}'s range, {limits.min} to {limits.max}") from None


def _floats(flat: list[Any], dtype: np.dtype[Any], datatype: str) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        array = np.array(flat, dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"an element is out of {datatype}'s range, ±{np.finfo(dtype).max:.3g}")
    return array


def _expect(found: set[type], wanted: set[type], what: str) -> None:
    if not found <= wanted:
        raise ValueError(f"data has to hold {what} only")


def _texts(flat: NDArray[np.object_]) -> list[str]:
    try:
        return [element.decode() for element in flat]
    except UnicodeDecodeError:
        raise ValueError("a BYTES element isn't UTF-8; ask for the tensor with binary_data") from None
