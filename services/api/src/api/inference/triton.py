"""The only file that speaks to Triton: one gRPC channel a worker, a deadline on every call, one table of errors."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from api import errors
from api.inference.client import InferenceRequest, InferenceResult, ModelMetadata, TensorSpec
from api.inference.tensors import datatype_of, from_wire, to_wire
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
# Ids of the requests that a call carries, as Triton gets them: more would only make its log lines long.
_MAX_IDS = 8
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._channel.close(None)

    async def metadata(self, model: str, version: str = "") -> ModelMetadata:
        """Return Triton's metadata of a model, with ``max_batch_size`` out of its configuration."""
        question = {"name": model, "version": version}
        metadata, config = await asyncio.gather(
            self._retried(
                model, lambda: self._stub.ModelMetadata(pb.ModelMetadataRequest(**question), timeout=self._deadline_s)
            ),
            self._retried(
                model, lambda: self._stub.ModelConfig(pb.ModelConfigRequest(**question), timeout=self._deadline_s)
            ),
        )
        inputs, outputs = (
            tuple(TensorSpec(tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in tensors)
            for tensors in (metadata.inputs, metadata.outputs)
        )
        return ModelMetadata(
            metadata.name,
            tuple(metadata.versions),
            metadata.platform,
            inputs,
            outputs,
            config.config.max_batch_size,
        )

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
        message = _message_of(request, _joined_ids(contexts))
        rows = max((tensor.shape[0] for tensor in request.inputs.values() if tensor.ndim), default=1)
        try:
            with self._tracing.call(contexts, rows) as metadata:
                async with asyncio.timeout(timeout_s):
                    response = await self._retried(
                        request.model, lambda: self._stub.ModelInfer(message, timeout=timeout_s, metadata=metadata)
                    )
        except TimeoutError as exc:
            raise errors.DeadlineExceeded(f"Triton at {self._url} didn't answer within {timeout_s:g} s.") from exc
        return _result_of(response)

    async def _retried(self, model: str, call: Callable[[], Awaitable[_Response]]) -> _Response:
        """Make a call, and again where the replica that took it is shutting down.

        A Triton that is told to stop unloads its models at once, answers for seconds that it has none, and drops the
        calls that it took last. A retry reaches another replica.

        Raises:
            UpstreamError: It failed otherwise, or for too long.
        """
        give_up_at = time.monotonic() + _RETRY_S
        tries = unavailable = 0
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as exc:
                error = self._translate(exc, model)
                unavailable += isinstance(error, errors.Unavailable)
                is_stopping = isinstance(error, errors.ModelNotReady | errors.Unavailable)
                if not is_stopping or unavailable >= _MAX_UNAVAILABLE or time.monotonic() > give_up_at:
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
        # Triton says UNAVAILABLE of a model that is loading or unloaded, and gRPC says it of a server that is away.
        about_model = f"'{model}'" in detail or "unknown model" in detail
        # The process that runs the model has died or hangs; Triton itself still reports the model as ready.
        is_lost = status is grpc.StatusCode.INTERNAL and "Stub process" in detail
        if status is grpc.StatusCode.NOT_FOUND or is_lost or (status is grpc.StatusCode.UNAVAILABLE and about_model):
            return errors.ModelNotReady(f"Triton doesn't serve model {model} at the moment.", retry_after_s=1)
        if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return errors.Unavailable(f"Triton doesn't answer at {self._url}.", retry_after_s=1)
        return errors.UpstreamError(f"Triton refused the call ({status.name}).")


def _message_of(request: InferenceRequest, request_id: str) -> pb.ModelInferRequest:
    tensor, output = pb.ModelInferRequest.InferInputTensor, pb.ModelInferRequest.InferRequestedOutputTensor
    return pb.ModelInferRequest(
        model_name=request.model,
        model_version=request.version,
        id=request_id,
        inputs=[
            tensor(name=name, datatype=datatype_of(values), shape=values.shape)
            for name, values in request.inputs.items()
        ],
        outputs=[output(name=name) for name in request.outputs],
        raw_input_contents=[to_wire(values) for values in request.inputs.values()],
    )


def _result_of(response: pb.ModelInferResponse) -> InferenceResult:
    """Return the answer's tensors; a damaged one must not become an answer of ours.

    Raises:
        UpstreamError: An output's elements are missing, or don't match its shape.
    """
    try:
        tensors = {
            output.name: from_wire(data, output.datatype, output.shape)
            for output, data in zip(response.outputs, response.raw_output_contents, strict=True)
        }
    except ValueError as exc:
        raise errors.UpstreamError(f"Model {response.model_name} answered with a damaged tensor: {exc}.") from exc
    return InferenceResult(tensors, response.model_version)


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
