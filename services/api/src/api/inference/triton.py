"""The only file that speaks to Triton: one gRPC channel a worker, a deadline on every call, one table of errors."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from api import errors
from api.settings import Settings
from api.telemetry.request_context import RequestContext
from api.telemetry.tracing import Metadata, Tracing

_DTYPES: dict[str, type[np.generic]] = {"UINT8": np.uint8, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64}

# Every replica behind the name gets its share, and a call that no server took is tried again, while most calls succeed:
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
    # gRPC waits up to two minutes between attempts by itself; a Triton that is back is to be found at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # In gRPC's core this is how long one attempt to connect may take (20 s by default): a hung server gives it up.
    ("grpc.min_reconnect_backoff_ms", 2000),
    # A name that has just gained a replica is looked up again without gRPC's default pause of 30 s.
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # Two workers' channels with the same options would otherwise share one connection inside a process under test.
    ("grpc.use_local_subchannel_pool", 1),
]


# How long, and how soon again, a call is tried whose model isn't ready: gRPC's own policy tries only what no server has
# begun to answer. With two replicas every other try meets the one that has the model.
_PATIENCE_S = 1.0
_PAUSE_S = 0.01
# Where nobody answers at all that is known at once, and nothing is gained by trying on.
_MOST_CUT_OFF = 3
_Response = TypeVar("_Response")

# Ids of the requests that a call carries, as Triton gets them: more would only make its log lines long.
_MAX_IDS = 8


class ModelSpec(NamedTuple):
    """What Triton says of the model; the contract between trainer and api."""

    input_name: str
    input_dtype: str
    output_name: str
    max_batch_size: int  # rows a call


class Scores(NamedTuple):
    """The model's output for a batch."""

    values: NDArray[np.floating[Any]]  # (N, classes)
    model_version: str


class _Ask(NamedTuple):
    """What the calls have in common into which a batch is split."""

    spec: ModelSpec
    id: str
    metadata: Metadata  # tells Triton which trace the call is in
    timeout_s: float


class Triton:
    """A client of one model, tied to the event loop in which it was made.

    Args:
        settings: Address, model and deadline.
        tracing: Makes the spans of the calls.
    """

    def __init__(self, settings: Settings, tracing: Tracing) -> None:
        self._tracing = tracing
        self._model = settings.model_name
        self._url = settings.triton_url
        self._deadline_s = settings.deadline_s
        self._spec: ModelSpec | None = None
        self._channel = _channel(settings)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._channel.close(None)

    def max_rows(self) -> int:
        """Return the rows that one call may carry; 1 until the model has been asked."""
        return max(1, self._spec.max_batch_size) if self._spec else 1

    async def spec(self) -> ModelSpec:
        """Return the model's tensors and batch size; asked for once, and again after the model has changed.

        Raises:
            UpstreamError: As :meth:`infer`; also when the model doesn't have one input and one output.
        """
        if self._spec is None:
            self._spec = await self._ask_spec()
        return self._spec

    async def infer(
        self, batch: NDArray[Any], records: Sequence[RequestContext] = (), *, deadline_s: float | None = None
    ) -> Scores:
        """Run the model over a batch, in as many calls as its ``max_batch_size`` makes necessary.

        Args:
            batch: ``(N, …)`` array of the model's input dtype, N ≥ 1.
            records: The requests that the rows belong to; Triton is given their ids.
            deadline_s: Seconds to answer in; the setting's if not given.

        Raises:
            Unavailable: Nobody answers at the address.
            ModelNotReady: Triton doesn't have the model, or not yet.
            DeadlineExceeded: No answer in time.
            UpstreamError: Triton answered with an error, or with something other than one row of scores an input row.
        """
        timeout_s = deadline_s or self._deadline_s
        try:
            with self._tracing.call(records, len(batch)) as metadata:
                async with asyncio.timeout(timeout_s):
                    ask = _Ask(await self.spec(), _joined(records), metadata, timeout_s)
                    step = max(1, ask.spec.max_batch_size)
                    parts = [batch[i : i + step] for i in range(0, len(batch), step)]
                    if len(parts) == 1:
                        return await self._call(ask, batch)
                    answers = await asyncio.gather(*(self._call(ask, part) for part in parts))
        except TimeoutError as exc:
            raise errors.DeadlineExceeded(f"Triton at {self._url} didn't answer within {timeout_s:g} s.") from exc
        return Scores(np.concatenate([answer.values for answer in answers]), answers[-1].model_version)

    async def _call(self, ask: _Ask, batch: NDArray[Any]) -> Scores:
        request = pb.ModelInferRequest(
            model_name=self._model,
            id=ask.id,
            inputs=[
                pb.ModelInferRequest.InferInputTensor(
                    name=ask.spec.input_name, datatype=ask.spec.input_dtype, shape=batch.shape
                )
            ],
            outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name=ask.spec.output_name)],
            raw_input_contents=[batch.tobytes()],
        )
        response = await self._patiently(
            lambda: self._stub.ModelInfer(request, timeout=ask.timeout_s, metadata=ask.metadata)
        )
        return self._scores_of(response, len(batch))

    async def _patiently(self, call: Callable[[], Awaitable[_Response]]) -> _Response:
        """Make a call; again, and so at another replica, where the one that took it is going away.

        A Triton that is told to stop unloads its models at once, goes on answering for seconds that it has none, and
        then takes along what it has just been sent.

        Raises:
            UpstreamError: It failed otherwise, or for too long.
        """
        give_up_at = time.monotonic() + _PATIENCE_S
        tries = cut_off = 0
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as exc:
                error = self._translate(exc)
                cut_off += isinstance(error, errors.Unavailable)
                is_going = isinstance(error, errors.ModelNotReady | errors.Unavailable) and cut_off < _MOST_CUT_OFF
                if not is_going or time.monotonic() > give_up_at:
                    raise error from exc
            # At once first: round robin's next is another replica.
            await asyncio.sleep(_PAUSE_S * (tries % 2))
            tries += 1

    def _scores_of(self, response: pb.ModelInferResponse, rows: int) -> Scores:
        """Return the answer's array, having checked that it is one: a torn answer must not become a prediction."""
        output = response.outputs[0]
        dtype = _DTYPES.get(output.datatype)
        shape = tuple(output.shape)
        if dtype is None or not response.raw_output_contents or shape[:1] != (rows,):
            raise errors.UpstreamError(f"Model {self._model} answered {output.datatype} {shape} to {rows} rows.")
        values = np.frombuffer(response.raw_output_contents[0], dtype=dtype)
        if values.size != np.prod(shape) or not np.isfinite(values).all():
            raise errors.UpstreamError(f"Model {self._model} answered with scores that are missing or not finite.")
        return Scores(values.reshape(shape), response.model_version)

    async def _ask_spec(self) -> ModelSpec:
        question = {"name": self._model}
        metadata, config = await asyncio.gather(
            self._patiently(
                lambda: self._stub.ModelMetadata(pb.ModelMetadataRequest(**question), timeout=self._deadline_s)
            ),
            self._patiently(
                lambda: self._stub.ModelConfig(pb.ModelConfigRequest(**question), timeout=self._deadline_s)
            ),
        )
        if len(metadata.inputs) != 1 or len(metadata.outputs) != 1:
            raise errors.UpstreamError(f"Model {self._model} must have one input and one output.")
        tensor_in, tensor_out = metadata.inputs[0], metadata.outputs[0]
        return ModelSpec(tensor_in.name, tensor_in.datatype, tensor_out.name, config.config.max_batch_size)

    def _translate(self, error: grpc.aio.AioRpcError) -> errors.UpstreamError:
        """Map gRPC's status to our tree, and forget the model's description, which may have changed."""
        self._spec = None
        status = error.code()
        detail = error.details() or status.name
        if status is grpc.StatusCode.DEADLINE_EXCEEDED:
            return errors.DeadlineExceeded(f"Triton at {self._url} didn't answer within the deadline.")
        # Triton says UNAVAILABLE of a model that is loading or unloaded, and gRPC says it of a server that is away.
        about_model = f"'{self._model}'" in detail or "unknown model" in detail
        # The process in which it runs the model has died or hangs; Triton goes on, and says that the model is ready.
        is_lost = status is grpc.StatusCode.INTERNAL and "Stub process" in detail
        if status is grpc.StatusCode.NOT_FOUND or is_lost or (status is grpc.StatusCode.UNAVAILABLE and about_model):
            return errors.ModelNotReady(f"Triton doesn't serve model {self._model} at the moment.", retry_after_s=1)
        if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return errors.Unavailable(f"Triton doesn't answer at {self._url}.", retry_after_s=1)
        return errors.UpstreamError(f"Triton refused the call ({status.name}).")


def _joined(records: Sequence[RequestContext]) -> str:
    """Return one id for a call: those of its requests, as many as make sense, and how many more there are."""
    ids = ",".join([record.request_id for record in records[:_MAX_IDS]])
    more = len(records) - _MAX_IDS
    return f"{ids},+{more}" if more > 0 else ids


def _channel(settings: Settings) -> grpc.aio.Channel:
    """Return a channel to Triton, over TLS where there is a CA to check Triton's certificate against."""
    if settings.triton_tls_ca_file is None:
        return grpc.aio.insecure_channel(settings.triton_url, options=_CHANNEL_OPTIONS)
    own = (settings.triton_tls_key_file, settings.triton_tls_cert_file)
    key, certificate = (file.read_bytes() if file else None for file in own)
    credentials = grpc.ssl_channel_credentials(settings.triton_tls_ca_file.read_bytes(), key, certificate)
    return grpc.aio.secure_channel(settings.triton_url, credentials, options=_CHANNEL_OPTIONS)
