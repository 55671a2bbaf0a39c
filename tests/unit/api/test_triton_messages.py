"""What the api writes to Triton by hand, read by protobuf; and Triton's messages as JSON."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2, service_pb2

from api.inference.client import InferenceRequest
from api.inference.tensors import from_wire
from api.inference.triton_messages import json_of, result_of, wire_of


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.integers(0, 3000))
def test_protobuf_reads_the_same_request(strings, width):
    inputs = {
        "text": np.array(strings, object),
        "transposed": np.arange(6, dtype=np.int16).reshape(2, 3).T,
        "wide": np.ones((2, width), np.float32),
        "flag": np.array([True, False]),
    }
    parameters = {"a": True, "b": -5, "c": 2**64 - 1, "d": 1.5, "e": "é"}
    request = InferenceRequest("m", inputs, "3", ("x", "y"), {"y": 2}, parameters)
    message = service_pb2.ModelInferRequest.FromString(wire_of(request, "id"))
    assert (message.model_name, message.model_version, message.id) == ("m", "3", "id")
    assert len(message.raw_input_contents) == len(inputs)
    for tensor, elements in zip(message.inputs, message.raw_input_contents, strict=True):
        np.testing.assert_array_equal(from_wire(elements, tensor.datatype, tensor.shape), inputs[tensor.name])
    assert [output.name for output in message.outputs] == ["x", "y"]
    assert not message.outputs[0].parameters
    assert message.outputs[1].parameters["classification"].int64_param == 2
    kinds = {name: value.WhichOneof("parameter_choice") for name, value in message.parameters.items()}
    assert kinds == {
        "a": "bool_param", "b": "int64_param", "c": "uint64_param", "d": "double_param", "e": "string_param"
    }  # fmt: skip


def test_an_answer_s_parameters_come_along():
    response = service_pb2.ModelInferResponse(model_name="m", model_version="2")
    response.parameters["sequence_id"].int64_param = 7
    result = result_of(response)
    assert (result.model_version, dict(result.parameters), result.outputs) == ("2", {"sequence_id": 7}, {})


def test_64_bit_integers_are_numbers_in_json():
    statistics = service_pb2.ModelStatistics(name="m", version="1", last_inference=2**60, inference_count=3)
    statistics.inference_stats.success.count = 3
    statistics.batch_stats.add(batch_size=4)
    found = json_of(statistics)
    assert (found["last_inference"], found["inference_count"]) == (2**60, 3)
    assert found["inference_stats"]["success"] == {"count": 3, "ns": 0}
    assert found["batch_stats"] == [{"batch_size": 4}]


def test_a_configuration_names_its_enumerations_and_leaves_out_what_isn_t_set():
    config = model_config_pb2.ModelConfig(name="m", max_batch_size=4)
    config.input.add(name="x", data_type=model_config_pb2.TYPE_FP32, dims=[-1, 2**40])
    config.parameters["threads"].string_value = "1"
    found = json_of(config)
    assert found["input"][0]["data_type"] == "TYPE_FP32"
    assert found["input"][0]["dims"] == [-1, 2**40]
    assert found["parameters"] == {"threads": {"string_value": "1"}}
    assert found["output"] == []
    assert "dynamic_batching" not in found
    assert "sequence_batching" not in found


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2**21])
def test_lengths_of_any_size(length):
    wire = wire_of(InferenceRequest("m", {"x": np.zeros(length, np.uint8)}), "")
    assert len(service_pb2.ModelInferRequest.FromString(wire).raw_input_contents[0]) == length
