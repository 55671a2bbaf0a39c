"""Requests of ``POST /v2/models/{model}/infer``, made before the load so that making them costs no time in it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from loadgen.model_signature import Signature
from loadgen.random_tensors import Array, random_inputs, to_binary, to_json

LENGTH_HEADER = "inference-header-content-length"
# Locust asks for packed answers otherwise, and unpacking them would be most of its work.
_HEADERS = {"accept-encoding": "identity"}
_MOST = 32
_MOST_BYTES = 64 * 2**20


class ModelRequest(NamedTuple):
    """A request, ready to send."""

    body: bytes
    headers: Mapping[str, str]


def make_requests(signature: Signature, *, max_dim: int, max_int: int, as_json: bool) -> list[ModelRequest]:
    """Return up to 32 requests of random tensors, fewer where they would take more than 64 MiB.

    Args:
        signature: The model's.
        max_dim: Largest size of a dynamic dimension.
        max_int: Largest integer.
        as_json: Send and ask for JSON instead of binary tensors.

    Raises:
        ValueError: An input can't be made or sent.
    """
    generator = np.random.default_rng()
    requests: list[ModelRequest] = []
    size = 0
    while len(requests) < _MOST and size <= _MOST_BYTES:
        inputs = random_inputs(signature, generator, max_dim=max_dim, max_int=max_int)
        requests.append(_json_request(signature, inputs) if as_json else _binary_request(signature, inputs))
        size += len(requests[-1].body)
    return requests


def _json_request(signature: Signature, inputs: Mapping[str, Array]) -> ModelRequest:
    entries = [
        {**_head(spec.name, spec.datatype, inputs), "data": to_json(spec.datatype, inputs[spec.name])}
        for spec in signature.inputs
    ]
    return ModelRequest(json.dumps({"inputs": entries}).encode(), _HEADERS | {"content-type": "application/json"})


def _binary_request(signature: Signature, inputs: Mapping[str, Array]) -> ModelRequest:
    blobs = [to_binary(spec.datatype, inputs[spec.name]) for spec in signature.inputs]
    entries = [
        {**_head(spec.name, spec.datatype, inputs), "parameters": {"binary_data_size": len(blob)}}
        for spec, blob in zip(signature.inputs, blobs, strict=True)
    ]
    outputs = [{"name": spec.name, "parameters": {"binary_data": True}} for spec in signature.outputs]
    head = json.dumps({"inputs": entries, "outputs": outputs}).encode()
    headers = _HEADERS | {"content-type": "application/octet-stream", LENGTH_HEADER: str(len(head))}
    return ModelRequest(b"".join([head, *blobs]), headers)


def _head(name: str, datatype: str, inputs: Mapping[str, Array]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(inputs[name].shape)}
