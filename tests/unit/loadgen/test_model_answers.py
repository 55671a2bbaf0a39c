import json
import struct

import pytest

from loadgen.model_answers import find_fault
from loadgen.model_signature import Signature, TensorSpec

SIGNATURE = Signature(
    "m", (TensorSpec("in", "FP32", (-1, 2)),),
    (TensorSpec("scores", "FP32", (-1, 2)), TensorSpec("words", "BYTES", (-1, -1))), True,
)  # fmt: skip
SCORES = {"name": "scores", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1]}
WORDS = {"name": "words", "datatype": "BYTES", "shape": [1, 3], "data": ["a", "b", "c"]}


def body(*outputs: dict, **changes) -> bytes:
    return json.dumps({"model_name": "m", "model_version": "3", "outputs": list(outputs)} | changes).encode()


def fault(answer: bytes, length: str | None = None, status: int = 200) -> str | None:
    return find_fault(status, answer, length, SIGNATURE)


def test_a_right_answer_has_no_fault_flat_nested_or_in_another_order():
    assert fault(body(SCORES, WORDS)) is None
    assert fault(body(WORDS, SCORES)) is None
    assert fault(body(SCORES | {"data": [[0.5, 1]]}, WORDS)) is None
    assert fault(body(SCORES, WORDS | {"shape": [1, 0], "data": []})) is None


@pytest.mark.parametrize(
    "answer,what",
    [
        (b"", "no model_name"),
        (b"[]", "no model_name"),
        (b"{", "no model_name"),
        (body(SCORES, {"datatype": "BYTES"}), "outputs with names"),
        (body(SCORES, WORDS, model_name="n"), "model_name or model_version"),
        (body(SCORES, WORDS, model_version=3), "model_name or model_version"),
        (body(SCORES), "outputs ['scores'], declared ['scores', 'words']"),
        (body(SCORES, WORDS, WORDS), "outputs"),
        (body(SCORES, WORDS, WORDS | {"name": "more"}), "outputs"),
        (body(SCORES | {"datatype": "FP64"}, WORDS), "output scores: datatype FP64, declared FP32"),
        (body(SCORES | {"shape": [1, 3]}, WORDS), "output scores: shape [1, 3], declared [1, 2]"),
        (body(SCORES | {"shape": [2, 2]}, WORDS), "output scores: shape [2, 2]"),
        (body(SCORES | {"shape": [2]}, WORDS), "output scores: shape [2]"),
        (body(SCORES | {"shape": [1, -2]}, WORDS), "no list of sizes"),
        (body(SCORES | {"shape": "1,2"}, WORDS), "no list of sizes"),
        (body(SCORES | {"data": [1]}, WORDS), "output scores: as many elements"),
        (body(SCORES | {"data": None}, WORDS), "output scores: as many elements"),
        (body(SCORES, WORDS) + b" ", None),
    ],
)
def test_any_other_answer_is_a_fault(answer, what):
    found = fault(answer)
    assert found is None if what is None else found is not None and what in found


def binary(scores: bytes, texts: bytes, *, tail: bytes = b"", **sizes: int) -> tuple[bytes, str]:
    entries = [
        {key: value for key, value in entry.items() if key != "data"}
        | {"parameters": {"binary_data_size": sizes.get(entry["name"], len(data))}}
        for entry, data in ((SCORES, scores), (WORDS, texts))
    ]
    head = body(*entries)
    return head + scores + texts + tail, str(len(head))


TEXTS = b"".join(struct.pack("<I", len(text)) + text for text in (b"a", b"", b"ccc"))


def test_binary_data_is_counted():
    assert fault(*binary(bytes(8), TEXTS)) is None
    assert "as many elements" in fault(*binary(bytes(4), TEXTS))
    assert "as many elements" in fault(*binary(bytes(7), TEXTS))
    assert "as many elements" in fault(*binary(bytes(8), TEXTS[:-1]))
    assert "binary_data_size" in fault(*binary(bytes(8), TEXTS, words=99))
    assert "bytes follow" in fault(*binary(bytes(8), TEXTS, tail=b"x"))
    assert "no number" in fault(binary(bytes(8), TEXTS)[0], "-1")


def test_errors_are_named_by_the_protocols_message():
    assert fault(b'{"error": "no such model"}', status=404) == "status 404: no such model"
    assert fault(b'{"error": {"code": "x"}}', status=503) == "status 503: not an error of the protocol"
    assert fault(b"<html>", status=502) == "status 502: not an error of the protocol"
    assert fault(b"", status=0) == "no answer"
