"""Triton's gRPC messages: what the api asks as bytes on the wire, and what Triton answers as tensors and JSON."""

import base64
from typing import Any

from google.protobuf.message import Message
from tritonclient.grpc import service_pb2 as pb

from api.errors import UpstreamError
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata, Parameter, TensorSpec
from api.inference.tensors import datatype_of, from_wire, to_wire

# How field 7 of `ModelInferRequest`, `raw_input_contents`, begins on the wire: number << 3 | 2, for bytes.
# Source: https://protobuf.dev/programming-guides/encoding/
_RAW_INPUT = b"\x3a"
_SEVEN_BITS = 0x7F


def wire_of(request: InferenceRequest, request_id: str) -> bytes:
    """Return the bytes of a `ModelInferRequest`.

    protobuf would copy the tensors twice, into the message and out of it. Here they are copied once: a message's fields
    may follow one another in any order, so those of the tensors' elements are written behind the rest of it.

    Args:
        request: The question.
        request_id: The id that Triton logs.
    """
    message = pb.ModelInferRequest(
        model_name=request.model,
        model_version=request.version,
        id=request_id,
        parameters={name: _parameter(value) for name, value in request.parameters.items()},
        inputs=[
            pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype_of(values), shape=values.shape)
            for name, values in request.inputs.items()
        ],
        outputs=[_output(name, request.classes.get(name, 0)) for name in request.outputs],
    )
    parts: list[Any] = [message.SerializeToString()]
    for values in request.inputs.values():
        elements = to_wire(values)
        parts += (_RAW_INPUT, _varint(len(elements)), elements)
    return b"".join(parts)


def result_of(response: pb.ModelInferResponse) -> InferenceResult:
    """Return the answer's tensors; a damaged one must not become an answer of ours.

    Raises:
        UpstreamError: An output's elements are missing, or don't match its shape.
    """
    try:
        tensors = {
            output.name: from_wire(data, output.datatype, output.shape)
            for output, data in zip(response.outputs, response.raw_output_contents, strict=True)
        }
    except ValueError as exc:
        raise UpstreamError(f"Model {response.model_name} answered with a damaged tensor: {exc}.") from exc
    if not response.parameters:
        return InferenceResult(tensors, response.model_version)
    parameters = {name: _value_of(parameter) for name, parameter in response.parameters.items()}
    return InferenceResult(tensors, response.model_version, parameters)


def metadata_of(metadata: pb.ModelMetadataResponse, config: Any) -> ModelMetadata:  # noqa: ANN401 - Triton's config
    """Return what Triton says of a model, in its metadata and in its configuration."""
    optional = {tensor.name for tensor in config.input if tensor.optional}
    inputs, outputs = (
        tuple(TensorSpec(each.name, each.datatype, tuple(each.shape), each.name in optional) for each in tensors)
        for tensors in (metadata.inputs, metadata.outputs)
    )
    return ModelMetadata(
        metadata.name, tuple(metadata.versions), metadata.platform, inputs, outputs, config.max_batch_size
    )


def json_of(message: Message) -> dict[str, Any]:
    """Return a message as the JSON that Triton's HTTP port makes of it.

    protobuf's own conversion writes 64-bit integers as strings, which clients of the protocol don't read.
    """
    return {
        field.name: _field_of(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _field_of(field: Any, value: Any) -> Any:  # noqa: ANN401 - of any type
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return {str(key): _value(entry.fields_by_name["value"], value[key]) for key in sorted(value)}
    return [_value(field, each) for each in value] if field.is_repeated else _value(field, value)


def _value(field: Any, value: Any) -> Any:  # noqa: ANN401 - of any type
    if field.message_type is not None:
        return json_of(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > _SEVEN_BITS:
        encoded.append(number & _SEVEN_BITS | ~_SEVEN_BITS & 0xFF)  # the eighth says that more follow
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _output(name: str, classes: int) -> pb.ModelInferRequest.InferRequestedOutputTensor:
    output = pb.ModelInferRequest.InferRequestedOutputTensor(name=name)
    if classes:
        output.parameters["classification"].int64_param = classes
    return output


def _parameter(value: Parameter) -> pb.InferParameter:
    if isinstance(value, bool):
        return pb.InferParameter(bool_param=value)
    if isinstance(value, int):
        return pb.InferParameter(int64_param=value) if value < 2**63 else pb.InferParameter(uint64_param=value)
    return pb.InferParameter(double_param=value) if isinstance(value, float) else pb.InferParameter(string_param=value)


def _value_of(parameter: pb.InferParameter) -> Parameter:
    kind = parameter.WhichOneof("parameter_choice")
    value: Parameter = getattr(parameter, kind) if kind else ""
    return value
