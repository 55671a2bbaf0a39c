"""Checks the answers of ``POST /v2/models/{model}/infer``: names, datatypes, shapes and numbers of elements."""

import json
import math
import struct
from typing import Any

from loadgen.model_signature import DYNAMIC, Signature, TensorSpec
from loadgen.random_tensors import DTYPES

_OK = 200
_MAX_MESSAGE = 200


def find_fault(status: int, body: bytes, json_length: str | None, signature: Signature) -> str | None:
    """Return what is wrong with an answer to one row, or None.

    Args:
        status: HTTP status; 0 where no answer came.
        body: The body as it came.
        json_length: The header that gives the bytes of the JSON where binary data follows; None without one.
        signature: What the model declares.
    """
    if status != _OK:
        return f"status {status}: {message_of(body)}" if status else "no answer"
    if json_length is not None and not json_length.isdigit():
        return "the length of the JSON in the header is no number"
    length = len(body) if json_length is None else int(json_length)
    try:
        answer = json.loads(body[:length])
        outputs = {entry["name"]: entry for entry in answer["outputs"]}
        is_named = answer["model_name"] == signature.model and isinstance(answer["model_version"], str)
    except (ValueError, KeyError, TypeError):
        return "the body has no model_name, model_version or outputs with names"
    if not is_named:
        return "model_name or model_version is wrong"
    wanted = {spec.name for spec in signature.outputs}
    if outputs.keys() != wanted or len(answer["outputs"]) != len(wanted):
        return f"outputs {sorted(map(str, outputs))}, declared {sorted(wanted)}"
    return _fault_of_outputs(outputs, body[length:], signature)


def message_of(body: bytes) -> str:
    """Return the protocol's error."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return "not an error of the protocol"
    return error[:_MAX_MESSAGE] if isinstance(error, str) else "not an error of the protocol"


def _fault_of_outputs(outputs: dict[str, Any], data: bytes, signature: Signature) -> str | None:
    specs = {spec.name: spec for spec in signature.outputs}
    start = 0
    for name, entry in outputs.items():  # binary data follows their order
        spec = specs[name]
        if fault := _fault_of_head(entry, spec, is_batched=signature.is_batched):
            return f"output {name}: {fault}"
        size = (entry.get("parameters") or {}).get("binary_data_size")
        if size is None:
            values = entry.get("data")
            count = _count(values) if isinstance(values, list) else None
        elif type(size) is not int or not 0 <= size <= len(data) - start:
            return f"output {name}: binary_data_size doesn't fit the body"
        else:
            count = _binary_count(data[start : start + size], spec.datatype)
            start += size
        if count != math.prod(entry["shape"]):
            return f"output {name}: as many elements as the shape says aren't there"
    return None if start == len(data) else "bytes follow the last output"


def _fault_of_head(entry: dict[str, Any], spec: TensorSpec, *, is_batched: bool) -> str | None:
    if entry.get("datatype") != spec.datatype:
        return f"datatype {entry.get('datatype')}, declared {spec.datatype}"
    shape = entry.get("shape")
    if not isinstance(shape, list) or any(type(dim) is not int or dim < 0 for dim in shape):
        return "the shape is no list of sizes"
    declared = (1, *spec.shape[1:]) if is_batched else spec.shape
    if len(shape) != len(declared) or any(DYNAMIC != one != two for one, two in zip(declared, shape, strict=True)):
        return f"shape {shape}, declared {list(declared)}"
    return None


def _count(values: list[Any]) -> int:
    """Return the number of elements of flat or nested data."""
    return sum(_count(value) if isinstance(value, list) else 1 for value in values)


def _binary_count(data: bytes, datatype: str) -> int | None:
    """Return the number of elements in binary data; None where it doesn't come out even."""
    if datatype == "BYTES":
        position = count = 0
        while position + 4 <= len(data):
            position += 4 + struct.unpack_from("<I", data, position)[0]
            count += 1
        return count if position == len(data) else None
    size = DTYPES[datatype]().itemsize if datatype in DTYPES else 2  # BF16
    return None if len(data) % size else len(data) // size
