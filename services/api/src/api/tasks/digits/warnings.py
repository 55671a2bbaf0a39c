"""Warnings: what in an image or its answer hints that the answer may be wrong."""

from typing import Any

from api.inference.tensors import Tensors
from api.tasks.digits.clean_up import Found
from api.tasks.digits.tensors import tensors_of

# Warns of two wrong answers in five, of nearly all to pictures without a digit, and of 0.5 % of the right ones: the
# table in docs/accuracy.md, which `make accuracy` measures.
MIN_CONFIDENCE = 0.7

_LOW_CONFIDENCE = {
    "code": "low_confidence",
    "message": "The network isn't sure: the image may show no digit, or an unclear one.",
}
_SEVERAL_DIGITS = {
    "code": "several_digits",
    "message": "The image has several pieces of writing of a digit's size; the largest, or most central, was read.",
}


class CrowdedTensors(dict[str, Any]):
    """The network's input, made of an image that has more in it than the digit."""


def inputs_of(found: Found) -> Tensors:
    """Return the network's input, which tells where the image has more in it than the digit."""
    tensors = tensors_of(found.image_u8)
    return CrowdedTensors(tensors) if found.rivals else tensors


def warning_of(confidence: float) -> dict[str, str] | None:
    """Return the warning that follows from a confidence alone."""
    return None if confidence >= MIN_CONFIDENCE else _LOW_CONFIDENCE


def complete(inputs: Tensors, answer: dict[str, Any]) -> None:
    """Add the warning that follows from the image; it tells more than a low confidence does."""
    if type(inputs) is CrowdedTensors:
        answer["warning"] = _SEVERAL_DIGITS
