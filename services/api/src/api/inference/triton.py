"""The client of Triton: a deadline on every call, another try where a replica is away, one table of errors."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

import grpc
from tritonclient.grpc import service_pb2 as pb

from api import errors
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata, ServedModel, ServerMetadata
from api.inference.replicas import Replicas
from api.inference.rotation import EVERY
from api.inference.triton_messages import json_of, metadata_of, result_of, wire_of
from api.inference.triton_replica import LeftRotation, Replica
from api.settings import Settings
from api.telemetry.request_context import RequestContext
from api.telemetry.tracing import Tracing

# A call to a model that isn't ready is retried for so long, after pauses of so long: gRPC's own policy retries only
# calls that no server has begun to answer. With two replicas every other try reaches the one that has the model.
_RETRY_S = 1.0
_PAUSE_S = 0.01
# Where no server answers, further tries gain nothing.
_MAX_UNAVAILABLE = 3
# Another replica may have a model already that has just been published; a name that is wrong must not cost a hundred
# calls.
_MAX_UNKNOWN = 2
# Ids of the requests that a call carries, as Triton gets them: more would only make its log lines long.
_MAX_IDS = 8
# Characters of Triton's own message that an error repeats.
_MAX_DETAIL = 500
_Response = TypeVar("_Response")


class TritonClient:
    """An `InferenceClient` over gRPC, tied to the event loop in which it was made.

    Args:
        settings: Address and deadline.
        tracing: Makes the spans of the calls.
    """

    def __init__(self, settings: Settings, tracing: Tracing) -> None:
        self._tracing = tracing
        self._url = settings.triton_url
        self._deadline_s = settings.deadline_s
        self._replicas = Replicas(settings)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._replicas.watched())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()

    async def server(self) -> ServerMetadata:
        """Return Triton's name, version and protocol extensions."""
        answer = await self._ask("ServerMetadata", pb.ServerMetadataRequest())
        return ServerMetadata(answer.name, answer.version, tuple(answer.extensions))

    async def list_models(self) -> list[ServedModel]:
        """Return what is served, by its statistics: the repository's index takes the key of Triton's administrator."""
        answer = await self._ask("ModelStatistics", pb.ModelStatisticsRequest())
        return sorted(ServedModel(each.name, each.version) for each in answer.model_stats)

    async def is_ready(self, model: str, version: str = "") -> bool:
        """Say whether a model is loaded."""
        try:
            answer = await self._ask("ModelReady", pb.ModelReadyRequest(name=model, version=version), model, version)
        except errors.ModelNotReady:
            return False
        return bool(answer.ready)

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        """Return Triton's metadata of a model, with ``max_batch_size`` out of its configuration."""
        metadata, config = await asyncio.gather(
            self._ask("ModelMetadata", pb.ModelMetadataRequest(name=model, version=version), model, version),
            self._ask("ModelConfig", pb.ModelConfigRequest(name=model, version=version), model, version),
        )
        return metadata_of(metadata, config.config)

    async def config(self, model: str, version: str = "") -> dict[str, Any]:
        """Return Triton's configuration of a model, what it has filled in included."""
        answer = await self._ask("ModelConfig", pb.ModelConfigRequest(name=model, version=version), model, version)
        return json_of(answer.config)

    async def statistics(self, model: str = "", version: str = "") -> list[dict[str, Any]]:
        """Return Triton's statistics of a model, or of all."""
        question = pb.ModelStatisticsRequest(name=model, version=version)
        answer = await self._ask("ModelStatistics", question, model, version)
        return [json_of(each) for each in answer.model_stats]

    async def _ask(self, method: str, question: object, model: str = "", version: str = "") -> Any:  # noqa: ANN401
        def call(replica: Replica) -> Awaitable[Any]:
            answer: Awaitable[Any] = getattr(replica.stub, method)(question, timeout=self._deadline_s)
            return answer

        return await self._retried(model, version, call, f"/{method}")

    async def infer(
        self, request: InferenceRequest, contexts: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> InferenceResult:
        """Ask a model, in one call; all tries together end at the deadline.

        Raises:
            Unavailable: No server answers at the address.
            ModelNotReady: Triton doesn't have the model, or not yet.
            DeadlineExceeded: No answer in time.
            UpstreamError: Triton refused the call, or its answer is damaged.
        """
        timeout_s = deadline_s or self._deadline_s
        message = wire_of(request, _joined_ids(contexts))
        rows = max((tensor.shape[0] for tensor in request.inputs.values() if tensor.ndim), default=1)
        try:
            with self._tracing.call(contexts, rows) as metadata:
                async with asyncio.timeout(timeout_s):
                    response = await self._retried(
                        request.model,
                        request.version,
                        lambda replica: replica.infer(message, timeout=timeout_s, metadata=metadata),
                        request.model,
                    )
        except TimeoutError as exc:
            raise errors.DeadlineExceeded(f"Triton at {self._url} didn't answer within {timeout_s:g} s.") from exc
        return result_of(response)

    async def canary(
        self, request: InferenceRequest, check: Callable[[InferenceResult], None], *, deadline_s: float
    ) -> InferenceResult:
        """Ask every replica, each once; a single one as `infer` does.

        Raises:
            UpstreamError: None gives a right answer in time.
        """
        message = wire_of(request, "")

        async def ask(replica: Replica) -> InferenceResult:
            try:
                result = result_of(await replica.infer(message, timeout=deadline_s))
            except grpc.aio.AioRpcError as exc:
                raise self._translate(exc, request.model) from exc
            check(result)
            return result

        if len(self._replicas) > 1:
            return await self._replicas.ask_each(request.model, ask)
        result = await self.infer(request, deadline_s=deadline_s)
        check(result)
        return result

    async def _retried(
        self, model: str, version: str, call: Callable[[Replica], Awaitable[_Response]], kind: str
    ) -> _Response:
        """Make a call, and again at another replica where the one that took it is shutting down or left rotation.

        A Triton that is told to stop unloads its models at once, answers for seconds that it has none, and drops the
        calls that it took last.

        Args:
            model: The model that it asks; empty where it asks none.
            version: The model's version.
            call: Makes it.
            kind: The model whose inference it is, or ``/`` and the method of any other call: their times differ.

        Raises:
            UpstreamError: It failed otherwise, or for too long.
        """
        give_up_at = time.monotonic() + _RETRY_S
        tried: list[Replica] = []
        unavailable = unknown = 0
        while True:
            replica = self._replicas.choose(model, version, tried)
            among = len(self._replicas)
            try:
                return await self._replicas.run(replica, kind, call(replica), may_leave=len(tried) < among)
            except LeftRotation:
                tried.append(replica)
                continue
            except grpc.aio.AioRpcError as exc:
                error = self._translate(exc, model)
                self._note(replica, model, version, error)
                unavailable += isinstance(error, errors.Unavailable)
                unknown += isinstance(error, errors.UnknownModel)
                is_stopping = isinstance(error, errors.ModelNotReady | errors.Unavailable)
                is_hopeless = unavailable >= max(_MAX_UNAVAILABLE, among) or unknown >= max(_MAX_UNKNOWN, among)
                if not is_stopping or is_hopeless or time.monotonic() > give_up_at:
                    raise error from exc
            # Every replica is tried once before the first pause.
            tried.append(replica)
            await asyncio.sleep(0 if len(tried) % max(2, among) else _PAUSE_S)

    def _note(self, replica: Replica, model: str, version: str, error: errors.UpstreamError) -> None:
        """Have the next calls go elsewhere, if there is another replica."""
        if isinstance(error, errors.Unavailable):
            self._replicas.judge(replica, EVERY, is_good=False)
        elif isinstance(error, errors.ModelNotReady):
            self._replicas.lack(replica, model, version)

    def _translate(self, error: grpc.aio.AioRpcError, model: str) -> errors.UpstreamError:
        """Return the api's error for gRPC's status."""
        status = error.code()
        detail = error.details() or status.name
        if status is grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.DeadlineExceeded(f"Triton at {self._url} didn't answer within the deadline.")
        if status is grpc.StatusCode.INVALID_ARGUMENT:
            return errors.InvalidTensors(detail[:_MAX_DETAIL])
        if status is grpc.StatusCode.NOT_FOUND and "is not found" in detail:
            return errors.UnknownModel(detail[:_MAX_DETAIL], retry_after_s=1)
        # Triton says UNAVAILABLE of a model that is loading or unloaded, and gRPC says it of a server that is away.
        about_model = f"'{model}'" in detail or "unknown model" in detail
        # The process that runs the model has died or hangs; Triton itself still reports the model as ready.
        is_lost = status is grpc.StatusCode.INTERNAL and "Stub process" in detail
        if status is grpc.StatusCode.NOT_FOUND or is_lost or (status is grpc.StatusCode.UNAVAILABLE and about_model):
            return errors.ModelNotReady(f"Triton doesn't serve model {model} at the moment.", retry_after_s=1)
        if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return errors.Unavailable(f"Triton doesn't answer at {self._url}.", retry_after_s=1)
        return errors.UpstreamError(f"Triton refused the call ({status.name}).")


def _joined_ids(contexts: Sequence[RequestContext]) -> str:
    """Return one id for a call: the first of its requests' ids, and how many more there are."""
    ids = ",".join([context.request_id for context in contexts[:_MAX_IDS]])
    more = len(contexts) - _MAX_IDS
    return f"{ids},+{more}" if more > 0 else ids
