import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from api.inference import tensors
from api.inference.tensors import DTYPES, concatenate, datatype_of, from_wire, rows_of, signature_of, to_wire

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@pytest.mark.parametrize("datatype", DTYPES)
@given(data=st.data())
def test_every_datatype_and_shape_survives_the_wire(datatype, data):
    shape = data.draw(SHAPES)
    if datatype == "BYTES":
        elements = hnp.arrays(object, shape, elements=st.binary(max_size=9))
        tensor = data.draw(elements)
    else:
        raw = data.draw(st.binary(min_size=0, max_size=0) if 0 in shape else st.just(b"\1" * 8))
        tensor = np.resize(np.frombuffer(raw or b"\0" * 8, DTYPES[datatype]), shape)
    assert datatype_of(tensor) == datatype
    back = from_wire(to_wire(tensor), datatype, shape)
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert back.tolist() == tensor.tolist()


def test_the_wire_is_little_endian_and_bytes_follow_their_length():
    assert to_wire(np.array([258], np.int16)) == b"\x02\x01"
    assert to_wire(np.array([b"ab", b""], object)) == b"\2\0\0\0ab\0\0\0\0"
    assert from_wire(b"\x80\x3f", "BF16", [1])[0] == ml_dtypes.bfloat16(1)


def test_trailing_zeros_of_bytes_are_kept():
    assert from_wire(struct.pack("<I", 3) + b"a\0\0", "BYTES", [1]).tolist() == [b"a\0\0"]


@pytest.mark.parametrize(
    "data,datatype,shape,text",
    [
        (b"\0" * 3, "FP32", [1], "takes 4 bytes, not 3"),
        (b"\0" * 8, "FP32", [1], "takes 4 bytes, not 8"),
        (b"", "FP33", [0], "FP33 is unknown"),
        (b"\0" * 4, "BYTES", [2**60], "at least"),
        (b"\2\0\0\0a\0\0\0", "BYTES", [2], "before element 1"),
        (b"\xff\xff\xff\xff", "BYTES", [1], "claims more bytes"),
        (b"\1\0\0\0ab", "BYTES", [1], "1 bytes follow"),
    ],
)
def test_data_that_does_not_fit_its_shape_is_refused(data, datatype, shape, text):
    with pytest.raises(ValueError, match=text):
        from_wire(data, datatype, shape)


def test_a_dtype_without_a_datatype_is_refused_and_never_cast():
    with pytest.raises(TypeError, match="complex64"):
        datatype_of(np.zeros(1, np.complex64))
    with pytest.raises(TypeError):
        datatype_of(np.array(["text"]))


def test_rows_are_counted_where_all_tensors_agree():
    assert rows_of({"a": np.zeros((2, 3)), "b": np.zeros(2)}) == 2
    for odd in ({}, {"a": np.zeros(())}, {"a": np.zeros((0, 2))}, {"a": np.zeros(2), "b": np.zeros(3)}):
        with pytest.raises(ValueError, match="same number of rows"):
            rows_of(odd)


def test_a_signature_tells_rows_apart_that_cannot_share_a_call():
    kinds = [
        {"a": np.zeros((2, 3), np.float32)},
        {"a": np.zeros((2, 3), np.float64)},
        {"a": np.zeros((2, 4), np.float32)},
        {"b": np.zeros((2, 3), np.float32)},
        {"a": np.zeros((2, 3), np.float32), "b": np.zeros((2, 1))},
    ]
    assert len({signature_of(kind) for kind in kinds}) == len(kinds)
    assert signature_of(kinds[0]) == signature_of({"a": np.ones((7, 3), np.float32)})


def test_concatenation_keeps_names_and_order():
    joined = concatenate(
        [{"a": np.array([[1]]), "b": np.array([b"x"], object)}, {"a": np.array([[2]]), "b": np.array([b"y"], object)}]
    )
    assert {name: values.tolist() for name, values in joined.items()} == {"a": [[1], [2]], "b": [b"x", b"y"]}


def test_all_of_numpys_own_names_are_the_protocols():
    assert tensors.DTYPES["BOOL"] == np.dtype(bool)
    assert len(set(tensors.DTYPES.values())) == len(tensors.DTYPES)
