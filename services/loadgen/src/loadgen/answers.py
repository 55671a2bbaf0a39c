"""Checks an answer of the api: a status of 200 alone proves nothing."""

import json
from typing import Any

CLASSES = 10
_OK = 200
_NO_ANSWER = "the body has no prediction, probabilities or model_version"


def find_fault(status: int, body: bytes, label: int, *, check_label: bool) -> str | None:
    """Return what is wrong with the answer to one image, or None.

    Args:
        status: HTTP status; 0 where no answer came.
        body: The body as it came.
        label: The digit that was sent.
        check_label: Whether another digit is a fault.
    """
    if status != _OK:
        return f"status {status}: {code_of(body)}" if status else "no answer"
    try:
        return find_fault_of_answer(json.loads(body), label, check_label=check_label)
    except ValueError:
        return _NO_ANSWER


def find_fault_of_answer(answer: Any, label: int, *, check_label: bool) -> str | None:  # noqa: ANN401 - parsed JSON
    """Return what is wrong with the parsed answer to one image, or None; arguments as for `find_fault`."""
    try:
        digit, probabilities, version = answer["prediction"], answer["probabilities"], answer["model_version"]
    except (KeyError, TypeError):
        return _NO_ANSWER
    if type(digit) is not int or not isinstance(version, str) or not _are_probabilities(probabilities):
        return "prediction, probabilities or model_version has the wrong type or range"
    if probabilities.index(max(probabilities)) != digit:
        return "prediction isn't the class of the highest probability"
    return f"read {digit}, sent {label}" if check_label and digit != label else None


def code_of(body: bytes) -> str:
    """Return the error's code: Locust counts by message, so the message holds nothing of a single request."""
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return "not an error of the api"


def _are_probabilities(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) == CLASSES
        and all(isinstance(value, (int, float)) and 0 <= value <= 1 for value in values)
        and abs(sum(values) - 1) < 1e-3  # noqa: PLR2004 - allows for float32 rounding
    )
