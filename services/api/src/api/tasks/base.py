"""A task: a route of its own that turns requests into a model's tensors, and its outputs into answers.

An author writes a class like this one and names it in ``API_TASKS``:

    class FileType(Task):
        \"\"\"Tells which kind of file this is.\"\"\"

        name, path, model = "file_type", "/file-type", "magika"
        Answer = FileTypeAnswer

        def encode(self, data: bytes) -> Tensors: ...
        def decode(self, outputs: Tensors) -> list[FileTypeAnswer]: ...

Routes, the ways to send an input, micro-batching, limits, keys, metrics, traces and OpenAPI follow from it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import InvalidInput
from api.inference.readiness import Canary
from api.inference.tensors import Tensors
from api.offload import offload
from api.settings import Settings

# Decoding an input of more bytes than this on the event loop could delay all other requests by milliseconds.
_INLINE_BYTES = 32 * 1024


class Example(NamedTuple):
    """An input and its answer, as OpenAPI shows them.

    Attributes:
        data: The input in base64; for a `JsonTask` the object.
        answer: The answer's JSON, without ``model_version``.
    """

    data: str | Mapping[str, Any]
    answer: Mapping[str, Any]


class Step(NamedTuple):
    """What preparing an input did, for people to look at.

    Attributes:
        name: What the image shows.
        image: A ``data:`` URL.
    """

    name: str
    image: str


class Task(ABC):
    """One kind of question, answered by one model.

    Attributes:
        name: Identifies the task.
        path: Its route; ``{path}/batch`` takes several inputs.
        model: The model to ask.
        version: The version to ask; empty for the server's choice.
        outputs: Names of the outputs that `decode` reads; empty for all.
        noun: What an input is called in JSON and in messages: its field is ``{noun}``, that of a batch ``{noun}s``.
        noun_description: What has to be in the field, for OpenAPI.
        accepts: Content types of an input sent as the body itself; ``image/*`` takes all images.
        Answer: Schema of an answer. The routes add ``model_version``.
        Invalid: Error of an input that is no base64.
        further_errors: Other errors of its inputs, for OpenAPI.
        examples: For OpenAPI; the first two are shown as a batch.

    Args:
        settings: The api's settings.
    """

    name: ClassVar[str]
    path: ClassVar[str]
    model: str
    version: str = ""
    outputs: ClassVar[tuple[str, ...]] = ()
    noun: ClassVar[str] = "file"
    noun_description: ClassVar[str] = "The file in base64."
    accepts: ClassVar[tuple[str, ...]] = ("application/octet-stream",)
    Answer: ClassVar[type[BaseModel]]
    Invalid: ClassVar[type[InvalidInput]] = InvalidInput
    further_errors: ClassVar[tuple[type[InvalidInput], ...]] = ()
    examples: ClassVar[Sequence[Example]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def encode(self, data: bytes) -> Tensors:
        """Turn one input into one row of the model's inputs.

        Returns:
            Arrays of shape ``(1, …)``; of the model's own shape where it has no batch dimension.

        Raises:
            InvalidInput: It can't be read.
        """

    @abstractmethod
    def decode(self, outputs: Tensors) -> Sequence[BaseModel | Mapping[str, Any]]:
        """Turn the outputs of a call into one `Answer` a row, for all its rows at once.

        Returns:
            Instances of `Answer`, or, where their validation would cost too much, mappings of its fields.

        Raises:
            UpstreamError: The model isn't one that this task can read.
        """

    async def prepare(self, data: bytes) -> Tensors:
        """Encode an input, beside the event loop where it is large."""
        if len(data) > _INLINE_BYTES:
            return await offload(lambda: self.encode(data))
        return self.encode(data)

    def show_input(self, inputs: Tensors) -> str | None:  # noqa: ARG002 - for those that override it
        """Return what the model was given as a text that people can look at; None where the task has no such text."""
        return None

    def show_steps(self, data: bytes) -> list[Step] | None:  # noqa: ARG002 - for those that override it
        """Return what preparing an input did, step by step; None where the task has nothing to show of it.

        Called on a thread, and only for requests that ask for it.
        """
        return None

    def complete(self, inputs: Tensors, answer: dict[str, Any]) -> None:  # noqa: B027 - for those that override it
        """Add to an answer's JSON what preparing its input has found."""

    def canary(self) -> Canary | None:
        """Return a question with a known answer, which readiness asks all the time; None where there is none."""
        return None

    def routers(self) -> Sequence[APIRouter]:
        """Return further routes of the task, such as a page."""
        return ()
