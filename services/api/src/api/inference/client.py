"""What the rest of the api knows of an inference server."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

from api.inference.tensors import Tensors
from api.telemetry.request_context import RequestContext

# A value of a request's or an answer's `parameters`.
Parameter = bool | int | float | str
_NONE: Mapping[str, Any] = MappingProxyType({})


class TensorSpec(NamedTuple):
    """A tensor as a model declares it.

    Attributes:
        name: Its name.
        datatype: The protocol's datatype.
        shape: Its dimensions, the batch's first where the model has one; -1 is any size.
        optional: Whether a request may leave it out.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False


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
        classes: Of those outputs, those that are wanted as so many best classes, BYTES of ``value:index[:label]``.
        parameters: What else the server is told: sequence ids, priority, the model's own.
    """

    model: str
    inputs: Tensors
    version: str = ""
    outputs: tuple[str, ...] = ()
    classes: Mapping[str, int] = _NONE
    parameters: Mapping[str, Parameter] = _NONE


class InferenceResult(NamedTuple):
    """A model's answer.

    Attributes:
        outputs: Its tensors by name.
        model_version: The version that answered.
        parameters: What the model says beside them.
    """

    outputs: Tensors
    model_version: str
    parameters: Mapping[str, Parameter] = _NONE


class ServerMetadata(NamedTuple):
    """What the server says of itself."""

    name: str
    version: str
    extensions: tuple[str, ...]


class ServedModel(NamedTuple):
    """A version of a model that answers requests."""

    name: str
    version: str


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

    async def canary(
        self, request: InferenceRequest, check: Callable[[InferenceResult], None], *, deadline_s: float
    ) -> InferenceResult:
        """Ask every replica of the server, and return the first right answer.

        Args:
            request: The question.
            check: Raises `UpstreamError` where an answer is wrong.
            deadline_s: Seconds to answer in.

        Raises:
            UpstreamError: No replica gives a right answer.
        """

    async def server(self) -> ServerMetadata:
        """Return what the server says of itself.

        Raises:
            UpstreamError: The server can't be reached, or doesn't answer in time.
        """

    async def list_models(self) -> list[ServedModel]:
        """Return every version of every model that is served, in the order of their names.

        Raises:
            UpstreamError: As `server`.
        """

    async def is_ready(self, model: str, version: str = "") -> bool:
        """Say whether a model is loaded; False for one that the server doesn't know.

        Raises:
            UpstreamError: As `server`.
        """

    async def config(self, model: str, version: str = "") -> dict[str, Any]:
        """Return a model's configuration, as the JSON of the protocol.

        Raises:
            UpstreamError: As `metadata`.
        """

    async def statistics(self, model: str = "", version: str = "") -> list[dict[str, Any]]:
        """Return a model's counts and times, an item a version, as the JSON of the protocol; of all models without one.

        Raises:
            UpstreamError: As `metadata`.
        """
