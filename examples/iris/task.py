"""``POST /iris``: the sizes of a flower in JSON, its species out."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from api.inference.tensors import Tensors
from api.tasks.base import Example
from api.tasks.json_task import JsonTask

SPECIES = ("setosa", "versicolor", "virginica")


class Flower(BaseModel):
    """An iris; all sizes in cm."""

    model_config = ConfigDict(extra="forbid")

    sepal_length: float = Field(gt=0, le=30)
    sepal_width: float = Field(gt=0, le=30)
    petal_length: float = Field(gt=0, le=30)
    petal_width: float = Field(gt=0, le=30)


class Species(BaseModel):
    """The species of an iris."""

    species: str
    probability: float = Field(ge=0, le=1)


class Iris(JsonTask):
    """Names the species of an iris."""

    name, path, model, noun = "iris", "/iris", "iris", "flower"
    outputs = ("probabilities",)
    Input, Answer = Flower, Species
    examples = (
        Example(
            {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2},
            {"species": "setosa", "probability": 0.98},
        ),
    )

    def encode(self, data: Flower) -> Tensors:
        """Return the sizes in the order of the training data: (1, 4) float32."""
        sizes = (data.sepal_length, data.sepal_width, data.petal_length, data.petal_width)
        return {"X": np.array([sizes], np.float32)}

    def decode(self, outputs: Tensors) -> list[Species]:
        """Return the most likely species of each row of (N, 3) float32 probabilities."""
        rows = outputs["probabilities"]
        return [Species(species=SPECIES[row.argmax()], probability=min(float(row.max()), 1.0)) for row in rows]
