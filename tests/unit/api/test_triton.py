"""What becomes of Triton's errors; the calls themselves are made in the end-to-end tests."""

import asyncio

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb

from api.errors import DeadlineExceeded, ModelNotReady, Unavailable, UnknownModel, UpstreamError
from api.inference import triton
from api.inference.client import InferenceRequest
from api.inference.triton import TritonClient
from api.settings import Settings
from api.telemetry.tracing import Tracing
from tests.unit.api.replicas import FakeReplicas, failure

UNLOADED = "Request for unknown model: 'mnist_cnn' has no available versions"


class Replicas:
    """Answers in turn: an error is raised, anything else returned; the last one for ever."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.calls = answers, 0

    async def __call__(self) -> object:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def retried(client: TritonClient, replicas: Replicas) -> object:
    return await client._retried("mnist_cnn", "", lambda _: replicas(), "mnist_cnn")


@pytest.fixture
async def client():
    async with TritonClient(Settings(), Tracing(Settings())) as client:
        yield client


@pytest.mark.parametrize(
    "status,detail,kind",
    [
        (grpc.StatusCode.NOT_FOUND, UNLOADED, ModelNotReady),
        (grpc.StatusCode.UNAVAILABLE, UNLOADED, ModelNotReady),
        (grpc.StatusCode.INTERNAL, "Stub process 'mnist_cnn_0' is not healthy.", ModelNotReady),
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses", Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", DeadlineExceeded),
        (grpc.StatusCode.INTERNAL, "the model failed: out of range", UpstreamError),
    ],
)
async def test_each_status_has_its_error(client, status, detail, kind):
    assert type(client._translate(failure(status, detail), "mnist_cnn")) is kind


async def test_a_replica_that_is_going_away_costs_no_call(client):
    replicas = Replicas(failure(grpc.StatusCode.NOT_FOUND, UNLOADED), "an answer")
    assert await retried(client, replicas) == "an answer"
    assert replicas.calls == 2


async def test_a_model_that_nobody_has_is_given_up(client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(triton, "_RETRY_S", 0)
    replicas = Replicas(failure(grpc.StatusCode.NOT_FOUND, UNLOADED))
    with pytest.raises(ModelNotReady):
        await retried(client, replicas)


async def test_where_nobody_answers_little_time_is_spent(client):
    replicas = Replicas(failure(grpc.StatusCode.UNAVAILABLE, "connection refused"))
    with pytest.raises(Unavailable):
        await retried(client, replicas)
    assert replicas.calls == 3


@pytest.mark.parametrize("status", [grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL])
async def test_what_another_try_would_not_help_is_tried_once(client, status):
    replicas = Replicas(failure(status, "no"))
    with pytest.raises(UpstreamError):
        await retried(client, replicas)
    assert replicas.calls == 1


@pytest.fixture
async def pair(client) -> FakeReplicas:
    """Two replicas behind the client."""
    client._replicas = pair = FakeReplicas("10.0.0.1:8001", "10.0.0.2:8001")
    await pair.probe()
    return pair


async def asked(client: TritonClient) -> object:
    return await client._retried("mnist_cnn", "", lambda replica: replica.infer(b""), "mnist_cnn")


@pytest.mark.parametrize(
    "error", [failure(grpc.StatusCode.UNAVAILABLE, "connection refused"), failure(grpc.StatusCode.NOT_FOUND, UNLOADED)]
)
async def test_a_replica_that_is_away_costs_one_try(client, pair, error):
    first, second = pair.channels.values()
    first.answer = error
    assert [await asked(client) for _ in range(6)] == ["an answer"] * 6
    assert first.asked.count("ModelInfer") == 1
    assert second.asked.count("ModelInfer") == 6


async def test_a_call_to_a_replica_that_hangs_is_answered_by_the_other(client, pair):
    first, _ = pair.channels.values()
    pair._latencies.add("mnist_cnn", 0.001)
    first.gate.clear()
    tasks = [asyncio.create_task(asked(client)) for _ in range(4)]
    await asyncio.sleep(0.01)
    await pair.probe()
    assert await asyncio.gather(*tasks) == ["an answer"] * 4
    assert first.asked.count("ModelInfer") == 2


async def test_an_unknown_name_is_asked_for_once_at_each_replica(client, pair):
    unknown = "Request for unknown model: 'mnist_cnn' is not found"
    for channel in pair.channels.values():
        channel.answer = failure(grpc.StatusCode.NOT_FOUND, unknown)
    with pytest.raises(UnknownModel):
        await asked(client)
    assert [channel.asked.count("ModelInfer") for channel in pair.channels.values()] == [1, 1]


async def test_a_canary_is_right_if_one_replica_answers_it_right(client, pair):
    first, second = pair.channels.values()
    first.answer, second.answer = failure(grpc.StatusCode.UNAVAILABLE), pb.ModelInferResponse(model_version="7")
    request = InferenceRequest("mnist_cnn", {})
    assert (await client.canary(request, lambda _: None, deadline_s=1)).model_version == "7"
    second.answer = failure(grpc.StatusCode.DEADLINE_EXCEEDED)
    with pytest.raises(UpstreamError):
        await client.canary(request, lambda _: None, deadline_s=1)
