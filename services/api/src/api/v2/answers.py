"""An answer of the protocol: JSON, with the elements of those outputs behind it that go out as binary data."""

from collections.abc import Iterable
from typing import Any

import orjson

from api.errors import InvalidRequest
from api.inference.lanes import Answer
from api.inference.tensors import Tensor, datatype_of, to_wire
from api.v2.json_tensors import to_json
from api.v2.requests import ProtocolRequest


def write(request: ProtocolRequest, answer: Answer) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON where binary data follows.

    Raises:
        InvalidRequest: An output can't be sent as JSON, and wasn't asked for as binary data.
    """
    tensors: dict[str, Tensor] = answer.values.outputs
    blobs: list[bytes | memoryview] = []
    is_binary = False
    outputs = []
    for name in _in_order(request.inference.outputs, tensors):
        entry: dict[str, Any] = {"name": name, "datatype": datatype_of(tensors[name]), "shape": tensors[name].shape}
        if request.is_binary(name):
            is_binary = True
            blobs.append(to_wire(tensors[name]))
            entry["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            try:
                entry["data"] = to_json(tensors[name])
            except ValueError as exc:
                raise InvalidRequest(f"Output {name}: {exc}.") from exc
        outputs.append(entry)
    content: dict[str, Any] = {} if request.id is None else {"id": request.id}
    content |= {"model_name": request.inference.model, "model_version": answer.model_version}
    if answer.parameters:
        content["parameters"] = dict(answer.parameters)
    content["outputs"] = outputs
    head = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([head, *blobs]), len(head)) if is_binary else (head, None)


def _in_order(wanted: tuple[str, ...], tensors: Iterable[str]) -> Iterable[str]:
    """Return the names of the outputs in the request's order: binary data follows it, too."""
    return wanted or tensors
