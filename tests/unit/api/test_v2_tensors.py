"""Tensors in JSON and in binary: what comes back, what is refused, and that a lie about sizes allocates nothing."""

import contextlib
import json
import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from api.errors import InvalidRequest
from api.inference.client import ModelMetadata, TensorSpec
from api.inference.lanes import Answer, Rows
from api.inference.tensors import DTYPES, datatype_of, to_wire
from api.v2 import answers, requests
from api.v2.binary_tensors import split
from api.v2.json_tensors import from_json, to_json

TEXTS = st.text(max_size=8).map(str.encode)
IN_JSON = sorted(set(DTYPES) - {"FP16", "BF16"})
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def elements_of(datatype: str) -> st.SearchStrategy:
    if datatype == "BYTES":
        return TEXTS
    dtype = DTYPES[datatype]
    if dtype.kind in "fV" or datatype == "BF16":
        return st.floats(width=dtype.itemsize * 8, allow_nan=False, allow_infinity=False)
    return hnp.from_dtype(dtype)


@st.composite
def tensors(draw, datatypes=IN_JSON):
    datatype = draw(st.sampled_from(datatypes))
    shape = draw(SHAPES)
    elements = draw(st.lists(elements_of(datatype), min_size=math.prod(shape), max_size=math.prod(shape)))
    array = np.empty(len(elements), DTYPES[datatype])
    array[:] = elements
    return array.reshape(shape)


def spoken(tensor: np.ndarray, *, flat: bool) -> object:
    """Return a tensor's elements as a client of the protocol writes them."""
    data = (tensor.reshape(-1) if flat or not tensor.ndim else tensor).tolist()
    return json.loads(json.dumps(data, default=bytes.decode))


@given(tensors(), st.booleans())
def test_a_tensor_comes_through_json_as_it_was(tensor, flat):
    read = from_json(spoken(tensor, flat=flat), datatype_of(tensor), tensor.shape)
    assert read.dtype == tensor.dtype
    assert read.shape == tensor.shape
    assert (read == tensor).all()
    written = orjson.loads(orjson.dumps(to_json(tensor), option=orjson.OPT_SERIALIZE_NUMPY))
    assert (from_json(written, datatype_of(tensor), tensor.shape) == tensor).all()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_64_bits_are_exact(numbers):
    assert from_json(numbers, "INT64", (len(numbers),)).tolist() == numbers
    unsigned = [number + 2**63 for number in numbers]
    assert from_json(orjson.loads(orjson.dumps(unsigned)), "UINT64", (len(numbers),)).tolist() == unsigned


@given(st.sampled_from([name for name, dtype in DTYPES.items() if dtype.kind in "iu"]), st.integers())
def test_what_is_out_of_range_is_refused(datatype, number):
    limits = np.iinfo(DTYPES[datatype])
    data = orjson.loads(str(number)) if abs(number) < 2**1000 else 0
    if limits.min <= number <= limits.max:
        assert from_json([data], datatype, (1,)).tolist() == [number]
    else:
        with pytest.raises(ValueError, match="range"):
            from_json([data], datatype, (1,))


@pytest.mark.parametrize(
    "data,datatype,shape,reason",
    [
        ([1.5], "INT32", (1,), "whole numbers"),
        ([1.0], "INT32", (1,), "whole numbers"),
        ([True], "INT32", (1,), "whole numbers"),
        (["1"], "INT32", (1,), "whole numbers"),
        ([None], "FP32", (1,), "numbers"),
        ([True], "FP32", (1,), "numbers"),
        ([1], "BOOL", (1,), "true and false"),
        ([1], "BYTES", (1,), "texts"),
        ([1e39], "FP32", (1,), "range"),
        ([-1e39], "FP32", (1,), "range"),
        ([1.5], "FP16", (1,), "binary"),
        ([1.5], "BF16", (1,), "binary"),
        (5, "INT32", (), "list"),
        ([1, 2], "INT32", (3,), "takes 3 elements, not 2"),
        ([1, 2], "INT32", (2**62, 2**62), "elements, not 2"),
        ([], "INT32", (1,), "takes 1 elements, not 0"),
        ([[1], [2, 3]], "INT32", (3, 1), "lengths"),
        ([[1, 2], 3], "INT32", (3, 1), "depths"),
        ([1, [2, 3]], "INT32", (2,), "whole numbers"),
        ([[[1]]], "INT32", (1, 1), "deeper"),
    ],
)
def test_what_doesn_t_fit_is_refused(data, datatype, shape, reason):
    with pytest.raises(ValueError, match=reason):
        from_json(data, datatype, shape)


@pytest.mark.parametrize(
    "tensor,reason",
    [
        (np.array([1.0, math.nan], np.float32), "NaN"),
        (np.array([math.inf]), "Infinity"),
        (np.array([1.0], np.float16), "FP16"),
        (np.array([1.0], DTYPES["BF16"]), "BF16"),
        (np.array([b"\xff"], object), "UTF-8"),
    ],
)
def test_what_json_can_t_hold_is_refused(tensor, reason):
    with pytest.raises(ValueError, match=reason):
        to_json(tensor)


@pytest.mark.parametrize("header", ["-1", "abc", "", "1.0", "+3", " 3", "³", "9" * 40, "9" * 5000, "12"])
def test_the_header_has_to_be_a_length_within_the_body(header):
    with pytest.raises(InvalidRequest, match="Inference-Header"):
        split(b"hello world", header)


def test_the_header_parts_the_body():
    head, blob = split(b"hello world", "5")
    assert (bytes(head), bytes(blob.take(6))) == (b"hello", b" world")
    blob.end()
    assert bytes(split(b"hello", None)[0]) == b"hello"
    assert not split(b"hello", "0")[0]


@st.composite
def conversations(draw):
    """One to three inputs of any datatypes, each in JSON or binary, in any order; outputs likewise."""
    given = {f"t{i}": draw(tensors(sorted(DTYPES))) for i in range(draw(st.integers(1, 3)))}
    in_binary = {name: datatype_of(tensor) in ("FP16", "BF16") or draw(st.booleans()) for name, tensor in given.items()}
    return given, in_binary, draw(st.permutations(list(given))), draw(st.booleans())


@given(conversations())
def test_requests_and_answers_of_any_tensors(conversation):
    given, in_binary, order, flat = conversation
    specs = tuple(TensorSpec(name, datatype_of(each), (-1,) * each.ndim) for name, each in given.items())
    metadata = ModelMetadata("m", ("1",), "any", specs, specs, 0)
    entries, blob = [], b""
    for name in order:
        entry = {"name": name, "datatype": datatype_of(given[name]), "shape": given[name].shape}
        if in_binary[name]:
            elements = bytes(to_wire(given[name]))
            blob += elements
            entry["parameters"] = {"binary_data_size": len(elements)}
        else:
            entry["data"] = spoken(given[name], flat=flat)
        entries.append(entry)
    wanted = [{"name": name, "parameters": {"binary_data": in_binary[name]}} for name in order]
    head = json.dumps({"id": "i", "inputs": entries, "outputs": wanted, "parameters": {"p": 1}}).encode()
    asked = requests.read(head + blob, str(len(head)), metadata, "1")
    assert (asked.id, asked.inference.parameters, asked.inference.outputs) == ("i", {"p": 1}, tuple(order))
    assert list(asked.inference.inputs) == list(given)
    for name, tensor in given.items():
        assert asked.inference.inputs[name].dtype == tensor.dtype
        assert bytes(to_wire(asked.inference.inputs[name])) == bytes(to_wire(tensor))
    body, length = answers.write(asked, Answer(Rows(given), "1", {"q": True}))
    content = orjson.loads(body[:length])
    assert (content["id"], content["model_name"], content["model_version"]) == ("i", "m", "1")
    assert content["parameters"] == {"q": True}
    rest = body[length:] if length is not None else b""
    for output, name in zip(content["outputs"], order, strict=True):
        assert (output["name"], output["shape"]) == (name, list(given[name].shape))
        if in_binary[name]:
            size = output["parameters"]["binary_data_size"]
            assert rest[:size] == bytes(to_wire(given[name]))
            rest = rest[size:]
    assert not rest


MODEL = ModelMetadata(
    "m", ("1",), "any", (TensorSpec("x", "FP32", (-1, 2)), TensorSpec("y", "INT8", (-1,), optional=True)),
    (TensorSpec("z", "FP32", (-1, 2)),), 4,
)  # fmt: skip
X = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}


def test_an_optional_input_may_be_left_out():
    assert list(requests.read(orjson.dumps({"inputs": [X]}), None, MODEL, "").inference.inputs) == ["x"]


@pytest.mark.parametrize(
    "body,reason",
    [
        ({"inputs": [X | {"shape": [5, 2], "data": [1] * 10}]}, "1 to 4 rows"),
        ({"inputs": [X | {"shape": [0, 2], "data": []}]}, "1 to 4 rows"),
        ({"inputs": [X | {"shape": [True, 2]}]}, "whole numbers"),
        ({"inputs": [X] * 1025}, "1025"),
        ({"inputs": [X] * 2}, "twice"),
        ({"inputs": [X | {"name": "q"}]}, "no input 'q'"),
        ({"inputs": [X | {"name": 5}]}, "name"),
        ({"inputs": [X | {"parameters": {"shared_memory_region": "a"}}]}, "shared memory"),
        ({"inputs": [X], "outputs": [{"name": "z", "parameters": {"shared_memory_region": "a"}}]}, "shared memory"),
        ({"inputs": [X], "parameters": {"shared_memory_offset": 1}}, "shared memory"),
        ({"inputs": [X], "parameters": {str(i): 1 for i in range(65)}}, "at most 64"),
        ({"inputs": [X], "parameters": {"deep": {}}}, "deep"),
        ({"inputs": [5]}, "object"),
        ({"inputs": [X | {"data": [1]}]}, "takes 2 elements"),
        ({"inputs": [{k: v for k, v in X.items() if k != "data"}]}, "neither"),
        ({"inputs": [X | {"parameters": {"binary_data_size": 8}}]}, "both"),
        ({"inputs": [{**X, "datatype": "FP64"}]}, "FP32"),
        ({"inputs": [{"name": "y", "datatype": "INT8", "shape": [1], "data": [1]}]}, "x of model m is missing"),
        ({"inputs": [X, {"name": "y", "datatype": "INT8", "shape": [2], "data": [1, 2]}]}, "number of rows"),
    ],
)
def test_a_request_that_doesn_t_fit_is_refused(body, reason):
    with pytest.raises(InvalidRequest, match=reason):
        requests.read(orjson.dumps(body), None, MODEL, "")


@pytest.mark.parametrize("body", [b"[" * 2_000_000, b'{"inputs":' * 500_000, b"", b"\xef\xbb\xbf{", b'{"id":"\xff"}'])
def test_what_is_no_json_is_refused(body):
    with pytest.raises(InvalidRequest, match="no JSON"):
        requests.read(body, None, MODEL, "")


@given(st.binary(max_size=300), st.one_of(st.none(), st.integers(-2, 300).map(str)))
def test_any_bytes_are_read_or_refused(body, header):
    with contextlib.suppress(InvalidRequest):
        requests.read(body, header, MODEL, "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(["inputs", "outputs", "parameters", "id", "name", "datatype", "shape", "data"]), JSON)
def test_any_value_of_any_field_is_read_or_refused(field, value):
    body = {"inputs": [X | {field: value}]} if field in X else {"inputs": [X], field: value}
    with contextlib.suppress(InvalidRequest):
        requests.read(json.dumps(body).encode(), None, MODEL, "")
