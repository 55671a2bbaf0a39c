"""What becomes of Triton's errors; the calls themselves are made in the end-to-end tests."""

import grpc
import pytest

from api.errors import DeadlineExceeded, ModelNotReady, Unavailable, UpstreamError
from api.inference import triton
from api.inference.triton import TritonClient
from api.settings import Settings
from api.telemetry.tracing import Tracing

UNLOADED = "Request for unknown model: 'mnist_cnn' has no available versions"


def failure(status: grpc.StatusCode, detail: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(), detail)


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
    assert await client._retried("mnist_cnn", replicas) == "an answer"
    assert replicas.calls == 2


async def test_a_model_that_nobody_has_is_given_up(client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(triton, "_RETRY_S", 0)
    replicas = Replicas(failure(grpc.StatusCode.NOT_FOUND, UNLOADED))
    with pytest.raises(ModelNotReady):
        await client._retried("mnist_cnn", replicas)


async def test_where_nobody_answers_little_time_is_spent(client):
    replicas = Replicas(failure(grpc.StatusCode.UNAVAILABLE, "connection refused"))
    with pytest.raises(Unavailable):
        await client._retried("mnist_cnn", replicas)
    assert replicas.calls == 3


@pytest.mark.parametrize("status", [grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL])
async def test_what_another_try_would_not_help_is_tried_once(client, status):
    replicas = Replicas(failure(status, "no"))
    with pytest.raises(UpstreamError):
        await client._retried("mnist_cnn", replicas)
    assert replicas.calls == 1
