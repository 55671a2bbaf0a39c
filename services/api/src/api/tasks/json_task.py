"""A task whose input is a JSON object instead of a file: ``POST {path}`` takes it, ``/batch`` a list of them.

class Iris(JsonTask):
    \"\"\"Names the species of an iris.\"\"\"

    name, path, model, noun = "iris", "/iris", "iris", "flower"
    Input, Answer = Flower, Species

    def encode(self, data: Flower) -> Tensors: ...
    def decode(self, outputs: Tensors) -> list[Species]: ...
"""

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel

from api.inference.tensors import Tensors
from api.tasks.base import Task


class JsonTask(Task):
    """One kind of question, asked in JSON.

    Attributes:
        Input: Schema of an input. A batch has a list of them in the field ``{noun}s``.
    """

    Input: ClassVar[type[BaseModel]]
    noun: ClassVar[str] = "item"
    accepts: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def encode(self, data: Any) -> Tensors:  # noqa: ANN401 - an instance of `Input`
        """Turn an instance of `Input` into the model's inputs, rows first: an input of one row has shape ``(1, …)``.

        Raises:
            InvalidInput: It can't be read.
        """

    async def prepare(self, data: Any) -> Tensors:  # noqa: ANN401 - an instance of `Input`
        """Encode an input on the event loop: JSON that was parsed there is small."""
        return self.encode(data)


def inline(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema with its definitions in place: their references would not resolve inside of OpenAPI."""
    definitions = schema.pop("$defs", {})

    def replace(part: Any) -> Any:  # noqa: ANN401 - any part of a schema
        if isinstance(part, dict):
            name = part.get("$ref", "").removeprefix("#/$defs/")
            return replace(definitions[name]) if name in definitions else {k: replace(v) for k, v in part.items()}
        return [replace(each) for each in part] if isinstance(part, list) else part

    found: dict[str, Any] = replace(schema)
    return found
