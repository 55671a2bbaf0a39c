"""The client of Triton: one gRPC channel a worker, a deadline on every call, one table of errors."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from api import errors
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata, ServedModel, ServerMetadata
from api.inference.triton_messages import json_of, metadata_of, result_of, wire_of
from api.settings import Settings
from api.telemetry.request_context import RequestContext
from api.telemetry.tracing import Tracing

# Calls go to all replicas behind the name in turn. gRPC retries a call that no server has begun to answer, as long as
# most calls succeed:
# https://github.com/grpc/proposal/blob/master/A6-client-retries.md
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "inference.GRPCInferenceService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.02s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 1},
}
_CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # By default gRPC waits up to two minutes between attempts to connect; a restarted Triton is to be used at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # In gRPC's core this also limits one attempt to connect (20 s by default), so a hung server is given up sooner.
    ("grpc.min_reconnect_backoff_ms", 2000),
    # A name that has just gained a replica is looked up again without gRPC's default pause of 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # Channels with the same options inside one process, as in tests, would otherwise share a connection.
    ("grpc.use_local_subchannel_pool", 1),
]


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
        self._channel = _channel(settings)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        # The stub's own would serialise a message, and copy every tensor twice more.
        self._infer: Callable[..., Awaitable[pb.ModelInferResponse]] = self._channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=bytes,
            response_deserializer=pb.ModelInferResponse.FromString,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._channel.close(None)

    async def server(self) -> ServerMetadata:
        """Return Triton's name, version and protocol extensions."""
        answer = await self._ask(self._stub.ServerMetadata, pb.ServerMetadataRequest())
        return ServerMetadata(answer.name, answer.version, tuple(answer.extensions))

    async def list_models(self) -> list[ServedModel]:
        """Return what is served, by its statistics: the repository's index takes the key of Triton's administrator."""
        answer = await self._ask(self._stub.ModelStatistics, pb.ModelStatisticsRequest())
        return sorted(ServedModel(each.name, each.version) for each in answer.model_stats)

    async def is_ready(self, model: str, version: str = "") -> bool:
        """Say whether a model is loaded."""
        try:
            answer = await self._ask(self._stub.ModelReady, pb.ModelReadyRequest(name=model, version=version), model)
        except errors.ModelNotReady:
            return False
        return bool(answer.ready)

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        """Return Triton's metadata of a model, with ``max_batch_size`` out of its configuration."""
        metadata, config = await asyncio.gather(
            self._ask(self._stub.ModelMetadata, pb.ModelMetadataRequest(name=model, version=version), model),
            self._ask(self._stub.ModelConfig, pb.ModelConfigRequest(name=model, version=version), model),
        )
        return metadata_of(metadata, config.config)

    async def config(self, model: str, version: str = "") -> dict[str, Any]:
        """Return Triton's configuration of a model, what it has filled in included."""
        answer = await self._ask(self._stub.ModelConfig, pb.ModelConfigRequest(name=model, version=version), model)
        return json_of(answer.config)

    async def statistics(self, model: str = "", version: str = "") -> list[dict[str, Any]]:
        """Return Triton's statistics of a model, or of all."""
        question = pb.ModelStatisticsRequest(name=model, version=version)
        answer = await self._ask(self._stub.ModelStatistics, question, model)
        return [json_of(each) for each in answer.model_stats]

    async def _ask(self, call: Callable[..., Awaitable[Any]], question: object, model: str = "") -> Any:  # noqa: ANN401
        return await self._retried(model, lambda: call(question, timeout=self._deadline_s))

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
                        request.model, lambda: self._infer(message, timeout=timeout_s, metadata=metadata)
                    )
        except TimeoutError as exc:
            raise errors.DeadlineExceeded(f"Triton at {self._url} didn't answer within {timeout_s:g} s.") from exc
        return result_of(response)

    async def _retried(self, model: str, call: Callable[[], Awaitable[_Response]]) -> _Response:
        """Make a call, and again where the replica that took it is shutting down.

        A Triton that is told to stop unloads its models at once, answers for seconds that it has none, and drops the
        calls that it took last. A retry reaches another replica.

        Raises:
            UpstreamError: It failed otherwise, or for too long.
        """
        give_up_at = time.monotonic() + _RETRY_S
        tries = unavailable = unknown = 0
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as exc:
                error = self._translate(exc, model)
                unavailable += isinstance(error, errors.Unavailable)
                unknown += isinstance(error, errors.UnknownModel)
                is_stopping = isinstance(error, errors.ModelNotReady | errors.Unavailable)
                is_hopeless = unavailable >= _MAX_UNAVAILABLE or unknown >= _MAX_UNKNOWN
                if not is_stopping or is_hopeless or time.monotonic() > give_up_at:
                    raise error from exc
            # The first retry comes at once: round robin's next is another replica.
            await asyncio.sleep(_PAUSE_S * (tries % 2))
            tries += 1

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


def _channel(settings: Settings) -> grpc.aio.Channel:
    """Return a channel to Triton, over TLS where there is a CA to check Triton's certificate against."""
    if settings.triton_tls_ca_file is None:
        return grpc.aio.insecure_channel(settings.triton_url, options=_CHANNEL_OPTIONS)
    own = (settings.triton_tls_key_file, settings.triton_tls_cert_file)
    key, certificate = (file.read_bytes() if file else None for file in own)
    credentials = grpc.ssl_channel_credentials(settings.triton_tls_ca_file.read_bytes(), key, certificate)
    return grpc.aio.secure_channel(settings.triton_url, credentials, options=_CHANNEL_OPTIONS)
