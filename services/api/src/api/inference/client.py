"""What the rest of the api knows of an inference server."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self

from api.inference.tensors import Tensors
from api.telemetry.request_context import RequestContext


class TensorSpec(NamedTuple):
    """A tensor as a model declares it.

    Attributes:
        name: Its name.
        datatype: The protocol's datatype.
        shape: Its dimensions, the batch's first where the model has one; -1 is any size.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelMetadata(NamedTuple):
    """What the server says of a model.

    Attributes:
        name: Its name.
        versions: Those that are served.
        platform: What runs it.
        inputs, outputs: Its tensors.
        max_batch_size: Most rows of a call; 0 where the model has no batch dimension.
    """

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int


class InferenceRequest(NamedTuple):
    """A question to a model.

    Attributes:
        model: The model's name.
        inputs: Its input tensors by name.
        version: The version to ask; empty for the server's choice.
        outputs: Names of the wanted outputs; empty for all.
    """

    model: str
    inputs: Tensors
    version: str = ""
    outputs: tuple[str, ...] = ()


class InferenceResult(NamedTuple):
    """A model's answer."""

    outputs: Tensors
    model_version: str


class InferenceClient(Protocol):
    """Asks an inference server; tied to the event loop in which it was made, and open while its context is."""

    async def __aenter__(self) -> Self:
        """Open the connection."""

    async def __aexit__(self, *exc: object) -> None:
        """Close the connection."""

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        """Return what the server says of a model.

        Raises:
            UpstreamError: The server can't be reached, doesn't serve the model, or doesn't answer in time.
        """

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        """Ask a model, in one call.

        Args:
            request: The question.
            contexts: The HTTP requests that the call serves.
            deadline_s: Seconds to answer in; the client's own deadline if not given.

        Raises:
            UpstreamError: The server can't be reached, refuses the call, or doesn't answer in time.
        """
