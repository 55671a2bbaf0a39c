"""A request of the protocol: its JSON and binary data, checked against what the model declares."""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from api.errors import InvalidRequest
from api.inference.client import InferenceRequest, ModelMetadata, Parameter, TensorSpec
from api.inference.tensors import DTYPES, Tensor, from_wire
from api.json_text import parse_json
from api.v2.binary_tensors import Blob, split
from api.v2.json_tensors import from_json

# Characters of a client's own text that an error repeats.
_MAX_NAME = 100
_SHARED_MEMORY = "shared_memory"
_MAX_PARAMETERS = 64
_MAX_TENSORS = 1024


class ProtocolRequest(NamedTuple):
    """A request, and how its answer has to look.

    Attributes:
        inference: The question to the model.
        id: The client's own id; None where it sent none.
        binary: Whether an output goes out as binary data, by name.
        binary_default: The same for the outputs that the request doesn't name.
    """

    inference: InferenceRequest
    id: str | None
    binary: Mapping[str, bool]
    binary_default: bool

    def is_binary(self, output: str) -> bool:
        """Say whether an output goes out as binary data."""
        return self.binary.get(output, self.binary_default)


def read(body: bytes | bytearray, header: str | None, metadata: ModelMetadata, version: str) -> ProtocolRequest:
    """Read a request.

    Args:
        body: The unpacked body.
        header: Value of ``Inference-Header-Content-Length``; None where it is missing.
        metadata: What the model takes.
        version: The version that the path names; empty for the server's choice.

    Raises:
        InvalidRequest: The request is malformed, or doesn't fit the model.
    """
    head, blob = split(body, header)
    if header is not None and not head:
        return _read_raw(blob, len(body), metadata, version)
    content = _object(parse_json(head), "The body")
    parameters = _parameters(content.get("parameters"), "parameters")
    binary_default = _flag(parameters.pop("binary_data_output", False), "binary_data_output")
    request_id = content.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise InvalidRequest("id has to be a string.")
    inputs = _inputs(content.get("inputs"), blob, metadata)
    blob.end()
    names, classes, binary = _outputs(content.get("outputs"), metadata)
    inference = InferenceRequest(metadata.name, inputs, version, names, classes, parameters)
    return ProtocolRequest(inference, request_id, binary, binary_default)


def _read_raw(blob: Blob, size: int, metadata: ModelMetadata, version: str) -> ProtocolRequest:
    """Read a body without JSON: the elements of the only input, one row of it."""
    if len(metadata.inputs) != 1:
        raise InvalidRequest(
            f"Inference-Header-Content-Length is 0, and model {metadata.name} has {len(metadata.inputs)} inputs: "
            "binary data without JSON is only for models with one."
        )
    spec = metadata.inputs[0]
    shape = [1, *spec.shape[1:]] if metadata.max_batch_size else list(spec.shape)
    itemsize = DTYPES[spec.datatype].itemsize
    unknown = [axis for axis, dim in enumerate(shape) if dim < 0]
    if spec.datatype == "BYTES" or len(unknown) > 1:
        raise InvalidRequest(f"Input {spec.name}'s shape {list(spec.shape)} doesn't follow from its bytes; send JSON.")
    for axis in unknown:
        row = prod(dim for dim in shape if dim >= 0) * itemsize
        shape[axis] = size // row if row else 0
    try:
        values = from_wire(blob.take(size), spec.datatype, shape)
    except ValueError as exc:
        raise InvalidRequest(f"Input {spec.name}: {exc}.") from exc
    return ProtocolRequest(InferenceRequest(metadata.name, {spec.name: values}, version), None, {}, binary_default=True)


def _inputs(given: object, blob: Blob, metadata: ModelMetadata) -> dict[str, Tensor]:
    specs = {spec.name: spec for spec in metadata.inputs}
    tensors: dict[str, Tensor] = {}
    for entry in _objects(given, "inputs"):
        name = _name(entry, specs, "input", metadata.name)
        if name in tensors:
            raise InvalidRequest(f"Input {name} is there twice.")
        try:
            tensors[name] = _input(entry, specs[name], blob, metadata.max_batch_size)
        except ValueError as exc:
            raise InvalidRequest(f"Input {name}: {exc}.") from exc
    for spec in metadata.inputs:
        if spec.name not in tensors and not spec.optional:
            raise InvalidRequest(f"Input {spec.name} of model {metadata.name} is missing.")
    if metadata.max_batch_size and len({len(tensor) for tensor in tensors.values()}) > 1:
        raise InvalidRequest("The inputs differ in their number of rows.")
    # In the model's order, so that requests share calls whatever order they have.
    return {name: tensors[name] for name in specs if name in tensors}


def _input(entry: Mapping[str, Any], spec: TensorSpec, blob: Blob, max_batch_size: int) -> Tensor:
    datatype, shape = entry.get("datatype"), entry.get("shape")
    if datatype != spec.datatype:
        raise ValueError(f"the model takes datatype {spec.datatype}, not {str(datatype)[:_MAX_NAME]}")
    dims = _dims(shape, spec, max_batch_size)
    parameters = _parameters(entry.get("parameters"), "its parameters")
    size = parameters.get("binary_data_size")
    if size is None:
        if "data" not in entry:
            raise ValueError("it has neither data nor binary_data_size")
        return from_json(entry["data"], spec.datatype, dims)
    if type(size) is not int or size < 0:
        raise ValueError("binary_data_size has to be a whole number from 0 on")
    if "data" in entry:
        raise ValueError("it has both data and binary_data_size")
    return from_wire(blob.take(size), spec.datatype, dims)


def _dims(shape: object, spec: TensorSpec, max_batch_size: int) -> tuple[int, ...]:
    if not isinstance(shape, list) or any(type(dim) is not int or dim < 0 for dim in shape):
        raise ValueError("shape has to be a list of whole numbers from 0 on")
    if len(shape) != len(spec.shape) or any(-1 != known != dim for known, dim in zip(spec.shape, shape, strict=True)):
        raise ValueError(f"the model takes shape {list(spec.shape)}, not {str(shape)[:_MAX_NAME]}")
    if max_batch_size and not 1 <= shape[0] <= max_batch_size:
        raise ValueError(f"the model takes 1 to {max_batch_size} rows a request, not {shape[0]}")
    return tuple(shape)


def _outputs(given: object, metadata: ModelMetadata) -> tuple[tuple[str, ...], dict[str, int], dict[str, bool]]:
    """Return the wanted outputs in their order, the number of classes of some, and whether they go out as binary."""
    specs = {spec.name: spec for spec in metadata.outputs}
    names: list[str] = []
    classes: dict[str, int] = {}
    binary: dict[str, bool] = {}
    for entry in _objects([] if given is None else given, "outputs"):
        name = _name(entry, specs, "output", metadata.name)
        if name not in names:
            names.append(name)
        parameters = _parameters(entry.get("parameters"), f"Output {name}: its parameters")
        if "binary_data" in parameters:
            binary[name] = _flag(parameters["binary_data"], f"Output {name}: binary_data")
        if "classification" in parameters:
            classes[name] = _count(parameters["classification"], f"Output {name}: classification")
    classes = {name: count for name, count in classes.items() if count}  # 0 asks for the tensor itself, as at Triton
    return tuple(names), classes, binary


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} has to be a JSON object.")
    return value


def _objects(value: object, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{what} has to be a list of objects.")
    if len(value) > _MAX_TENSORS:
        raise InvalidRequest(f"{what} has {len(value)} entries; at most {_MAX_TENSORS} are read.")
    return [_object(entry, f"Each of {what}") for entry in value]


def _name(entry: Mapping[str, Any], known: Iterable[str], kind: str, model: str) -> str:
    name = entry.get("name")
    if not isinstance(name, str):
        raise InvalidRequest(f"An {kind} has no name.")
    if name not in known:
        raise InvalidRequest(f"Model {model} has no {kind} {name[:_MAX_NAME]!r}; it has {', '.join(known)}.")
    return name


def _parameters(value: object, what: str) -> dict[str, Parameter]:
    if value is None:
        return {}
    parameters = _object(value, what)
    if len(parameters) > _MAX_PARAMETERS:
        raise InvalidRequest(f"{what}: at most {_MAX_PARAMETERS} are read.")
    for name, each in parameters.items():
        if not isinstance(each, bool | int | float | str):
            raise InvalidRequest(f"{what}: {name[:_MAX_NAME]} has to be a string, a number, true or false.")
        if name.startswith(_SHARED_MEMORY):
            raise InvalidRequest(f"{what}: shared memory isn't served; send the data itself.")
    return parameters


def _flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{what} has to be true or false.")
    return value


def _count(value: object, what: str) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise InvalidRequest(f"{what} has to be a whole number from 0 on.")
    return value
