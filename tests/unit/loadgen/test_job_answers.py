"""What counts as a right result of a job."""

import json
from typing import Any

import pytest

from loadgen.job_answers import find_fault


def line(index: int, digit: int, **more: Any) -> dict[str, Any]:
    scores = [float(i == digit) for i in range(10)]
    answer = {"prediction": digit, "probabilities": scores, "model_version": "1"}
    return {"index": index, "answer": answer} | more


def results(*lines: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def test_right_results_have_no_fault():
    assert find_fault(results(line(0, 3), line(1, 8)), [3, 8], check_labels=True) is None


@pytest.mark.parametrize(
    "lines,fault",
    [
        ([line(0, 3)], "another number of lines"),
        ([line(0, 3), line(1, 8), line(2, 8)], "another number of lines"),
        ([line(1, 3), line(0, 8)], "order"),
        ([line(0, 3), {"index": 1, "error": {"code": "worker_lost", "message": "x"}}], "an item failed: worker_lost"),
        ([line(0, 3), line(1, 7)], "read 7, sent 8"),
        ([line(0, 3), {"index": 1}], "neither answer nor error"),
        ([line(0, 3), {"index": 1, "answer": {}}], "no prediction"),
        ([line(0, 3), 7], "neither answer nor error"),
    ],
)
def test_every_fault_is_named(lines, fault):
    assert fault in find_fault(results(*lines), [3, 8], check_labels=True)


def test_other_digits_are_no_fault_where_labels_arent_checked():
    assert find_fault(results(line(0, 4)), [3], check_labels=False) is None
