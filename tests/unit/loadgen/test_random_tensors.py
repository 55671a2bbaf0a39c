import json
import struct

import numpy as np
import pytest

from loadgen.model_requests import LENGTH_HEADER, make_requests
from loadgen.model_signature import Signature, TensorSpec, signature_of
from loadgen.random_tensors import DTYPES, random_inputs, to_binary, to_json

EVERY = (*DTYPES, "BF16", "BYTES")
RANDOM = np.random.default_rng(7)


def signature(*inputs: TensorSpec, is_batched: bool = True) -> Signature:
    return Signature("m", inputs, (TensorSpec("out", "FP32", (-1, 2)),), is_batched)


def test_a_signature_is_what_metadata_and_configuration_say():
    metadata = {
        "name": "m",
        "inputs": [{"name": "a", "datatype": "INT64", "shape": [-1, 3]}],
        "outputs": [{"name": "b", "datatype": "BYTES", "shape": [-1, -1]}],
    }
    found = signature_of(metadata, {"max_batch_size": 8})
    assert found == Signature("m", (TensorSpec("a", "INT64", (-1, 3)),), (TensorSpec("b", "BYTES", (-1, -1)),), True)
    assert not signature_of(metadata, {"max_batch_size": 0}).is_batched
    assert not signature_of(metadata, {}).is_batched


@pytest.mark.parametrize("metadata", [{}, {"name": "m", "inputs": 1}, {"name": "m", "inputs": [{}], "outputs": []}, []])
def test_metadata_of_another_form_is_refused(metadata):
    with pytest.raises(ValueError, match="metadata"):
        signature_of(metadata, {})


def test_one_row_and_one_size_for_all_dynamic_dimensions():
    given = signature(TensorSpec("ids", "INT64", (-1, -1)), TensorSpec("mask", "BOOL", (-1, -1, 3)))
    sizes = set()
    for _ in range(200):
        made = random_inputs(given, RANDOM, max_dim=4, max_int=9)
        size = made["ids"].shape[1]
        assert made["ids"].shape == (1, size)
        assert made["mask"].shape == (1, size, 3)
        assert 0 <= made["ids"].min() <= made["ids"].max() <= 9
        sizes.add(size)
    assert sizes == {1, 2, 3, 4}


def test_without_a_batch_the_first_dimension_is_as_any_other():
    made = random_inputs(signature(TensorSpec("a", "FP32", (-1, -1)), is_batched=False), RANDOM, max_dim=1, max_int=1)
    assert made["a"].shape == (1, 1)
    scalar = random_inputs(signature(TensorSpec("a", "FP32", ()), is_batched=False), RANDOM, max_dim=9, max_int=1)
    assert scalar["a"].shape == ()


@pytest.mark.parametrize("datatype", EVERY)
def test_every_datatype_has_as_many_bytes_as_its_elements_take(datatype):
    (array,) = random_inputs(signature(TensorSpec("a", datatype, (-1, 5))), RANDOM, max_dim=1, max_int=10**15).values()
    assert array.shape == (1, 5)
    data = to_binary(datatype, array)
    if datatype == "BYTES":
        for text in array.reshape(-1):
            (length,) = struct.unpack_from("<I", data)
            assert data[4 : 4 + length] == text
            data = data[4 + length :]
        assert data == b""
    else:
        assert len(data) == 5 * (2 if datatype == "BF16" else DTYPES[datatype]().itemsize)


def test_bfloat16_is_the_upper_half_of_a_float():
    assert to_binary("BF16", np.array([1.0, -2.0], np.float32)) == bytes.fromhex("803f00c0")


@pytest.mark.parametrize("datatype", EVERY)
def test_json_holds_the_same_elements_or_is_refused(datatype):
    (array,) = random_inputs(signature(TensorSpec("a", datatype, (-1, 3))), RANDOM, max_dim=1, max_int=10).values()
    if datatype in ("FP16", "BF16"):
        with pytest.raises(ValueError, match="LOADGEN_JSON_TENSORS=false"):
            to_json(datatype, array)
    else:
        values = json.loads(json.dumps(to_json(datatype, array)))
        assert values == [each.decode() if datatype == "BYTES" else each for each in array.reshape(-1).tolist()]


def test_an_unknown_datatype_is_named():
    with pytest.raises(ValueError, match="input a has the unknown datatype FP8"):
        random_inputs(signature(TensorSpec("a", "FP8", (-1, 3))), RANDOM, max_dim=1, max_int=1)


def test_a_binary_request_is_its_header_and_the_elements_in_the_inputs_order():
    made = make_requests(
        signature(TensorSpec("a", "UINT8", (-1, 2)), TensorSpec("b", "INT32", (-1, 1))),
        max_dim=1, max_int=5, as_json=False,
    )  # fmt: skip
    assert len(made) == 32
    body, headers = made[0]
    length = int(headers[LENGTH_HEADER])
    head = json.loads(body[:length])
    assert [(e["name"], e["datatype"], e["shape"], e["parameters"]) for e in head["inputs"]] == [
        ("a", "UINT8", [1, 2], {"binary_data_size": 2}),
        ("b", "INT32", [1, 1], {"binary_data_size": 4}),
    ]
    assert head["outputs"] == [{"name": "out", "parameters": {"binary_data": True}}]
    assert len(body) == length + 6


def test_requests_are_as_many_as_fit_into_64_mib():
    large = signature(TensorSpec("a", "FP32", (-1, 3, 1024, 1024)))
    made = make_requests(large, max_dim=1, max_int=1, as_json=False)
    assert 1 < len(made) < 8
