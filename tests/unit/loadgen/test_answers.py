import json

import pytest

from loadgen.answers import find_fault


def body(**changes) -> bytes:
    answer = {"prediction": 3, "probabilities": [0.01] * 3 + [0.91] + [0.01] * 6, "model_version": "1"}
    return json.dumps(answer | changes).encode()


def test_a_correct_answer_has_no_fault():
    assert find_fault(200, body(), 3, check_label=True) is None


def test_a_wrong_digit_is_a_fault_only_where_labels_are_checked():
    assert find_fault(200, body(), 8, check_label=True) == "read 3, sent 8"
    assert find_fault(200, body(), 8, check_label=False) is None


@pytest.mark.parametrize(
    "status,answer",
    [
        (0, b""),
        (503, b'{"error": {}}'),
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, body(prediction="3")),
        (200, body(prediction=True)),
        (200, body(model_version=1)),
        (200, body(probabilities=[1.0])),
        (200, body(probabilities=[0.5] * 10)),
        (200, body(probabilities=["a"] * 10)),
        (200, body(probabilities=[-1.0, 2.0] + [0.0] * 8)),
        (200, body(prediction=4)),
        (200, body(prediction=11)),
    ],
)
def test_any_other_answer_is_a_fault(status, answer):
    assert find_fault(status, answer, 3, check_label=False)


def test_failures_of_one_kind_have_one_message():
    def error(request_id: str) -> bytes:
        return json.dumps({"error": {"code": "overloaded", "message": "m", "request_id": request_id}}).encode()

    assert find_fault(503, error("a"), 3, check_label=True) == find_fault(503, error("b"), 3, check_label=True)
    assert find_fault(503, error("a"), 3, check_label=True) == "status 503: overloaded"
    assert find_fault(502, b"<html>", 3, check_label=True) == "status 502: not an error of the api"
