"""A task with two inputs, one of them of variable length, and two outputs: what an author writes, in one place."""

import json

import numpy as np
from pydantic import BaseModel

from api.errors import InvalidInput
from api.inference.client import InferenceRequest
from api.inference.readiness import Canary
from api.inference.tensors import Tensors
from api.tasks.base import Example, Task


class Weighing(BaseModel):
    """Sum and mean of the weighted numbers."""

    total: float
    labels: list[str]


class Weigh(Task):
    """Adds up numbers, each times a weight."""

    name, path, model = "weigh", "/weigh", "scales"
    Answer = Weighing
    accepts = ("text/plain",)
    noun = "list"
    examples = (Example("eyJ3ZWlnaHQiOiAyLCAibnVtYmVycyI6IFsxLCAyXX0=", {"total": 6.0, "labels": ["n=2"]}),)

    def encode(self, data: bytes) -> Tensors:
        try:
            content = json.loads(data)
            numbers = np.array([content["numbers"]], np.float32)  # (1, any)
            return {"numbers": numbers, "weight": np.array([[content["weight"]]], np.int64)}  # (1, 1)
        except (ValueError, KeyError, TypeError) as exc:
            raise InvalidInput('Send {"weight": 2, "numbers": [1, 2, 3]}.') from exc

    def decode(self, outputs: Tensors) -> list[Weighing]:
        rows = zip(outputs["total"], outputs["labels"], strict=True)
        return [Weighing(total=total, labels=[label.decode() for label in labels]) for total, labels in rows]

    def canary(self) -> Canary:
        request = InferenceRequest(self.model, self.encode(b'{"weight": 2, "numbers": [1]}'))
        return Canary(request, lambda result: None if result.outputs["total"][0] == 2 else "2 times 1 isn't 2")
