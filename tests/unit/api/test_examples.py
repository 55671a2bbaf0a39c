"""What the API's description gives as examples of errors is what the api says; those of requests run in tests/e2e."""

import asyncio
from typing import Any

import grpc
import pytest
from pydantic import TypeAdapter

from api import errors
from api.app import create_app
from api.inference.triton import TritonClient
from api.limits.concurrency import late
from api.schemas import ErrorBody
from api.settings import Settings
from api.telemetry.tracing import Tracing
from tests.unit.api.fakes import FakeClient

OPENAPI: dict[str, Any] = create_app(Settings(), client=FakeClient()).openapi()
PREDICT: dict[str, Any] = OPENAPI["paths"]["/predict"]["post"]
BODY = PREDICT["requestBody"]["content"]["application/json"]["example"]
JSON = {"content-type": "application/json"}
# In the log alone, a bug, a task's whose inputs are no images, or in the results of a job.
NEVER_ANSWERED = {errors.ClientGone, errors.InternalError, errors.InvalidInput, errors.WorkerLost}


def examples_of(operation: dict[str, Any]) -> dict[str, tuple[int, dict[str, str]]]:
    """Return the status and the error of every example of an operation, by code."""
    return {
        code: (int(status), example["value"]["error"])
        for status, response in operation["responses"].items()
        for code, example in response.get("content", {}).get("application/json", {}).get("examples", {}).items()
    }


def numbers_of(settings: Settings) -> dict[str, str]:
    """Return the number that each error's example must name: the limit that it is about."""
    return {
        "headers_too_large": str(settings.max_header_bytes),
        "payload_too_large": str(settings.max_body_bytes),
        "request_timeout": f"{settings.deadline_s:g} s",
        "deadline_exceeded": f"{settings.deadline_s:g} s",
        "triton_unavailable": settings.triton_url,
        "model_not_ready": settings.model_name,
    }


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(max_header_bytes=5000, max_body_bytes=4000, deadline_s=7.5, triton_url="t:1", model_name="another"),
    ],
)
def test_the_examples_name_the_limits_that_are_set(settings):
    operation = create_app(settings, client=FakeClient()).openapi()["paths"]["/predict"]["post"]
    for code, number in numbers_of(settings).items():
        assert number in examples_of(operation)[code][1]["message"]


def every_error() -> set[type[errors.ApiError]]:
    pending, found = [errors.ApiError], set()
    while pending:
        children = pending.pop().__subclasses__()
        found.update(children)
        pending.extend(children)
    return found - NEVER_ANSWERED


def test_every_error_is_listed_with_an_example_of_its_own():
    listed = {}
    for path in OPENAPI["paths"].values():
        for operation in path.values():
            listed |= examples_of(operation)
    assert {(kind.code, kind.status) for kind in every_error()} == {
        (code, status) for code, (status, _) in listed.items()
    }
    for code, (_, error) in listed.items():
        TypeAdapter(ErrorBody).validate_python({"error": error})
        assert error["code"] == code


ASKED_WRONGLY = {
    "unauthorized": ({"keys": "secret"}, {"json": BODY}),
    "payload_too_large": ({}, {"content": b"x", "headers": JSON | {"content-length": str(25 * 2**20)}}),
    "unsupported_media_type": ({}, {"content": b"x", "headers": {"content-type": "text/plain"}}),
    "invalid_request": ({}, {"json": {}}),
    "invalid_image": ({}, {"json": {"image": "no base64!"}}),
}


@pytest.mark.parametrize("code", ASKED_WRONGLY)
async def test_who_asks_wrongly_is_told_what_the_example_says(open_client, code):
    settings, request = ASKED_WRONGLY[code]
    async with open_client(Settings(**settings)) as client:
        answer = await client.post("/predict", **request)
    status, error = examples_of(PREDICT)[code]
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, error["message"])


async def test_who_asks_too_often_or_too_much_is_told_what_the_example_says(open_client, backend):
    async with open_client(Settings(rate_limit=0.001, rate_burst=1)) as client:
        answers = [await client.post("/predict", json=BODY) for _ in range(2)]
    assert answers[1].json()["error"]["message"] == examples_of(PREDICT)["rate_limited"][1]["message"]

    async with open_client(Settings(max_in_flight=1)) as client:
        backend.gate.clear()
        first = asyncio.create_task(client.post("/predict", json=BODY))
        await asyncio.sleep(0.05)
        refused = await client.post("/predict", json=BODY)
        backend.gate.set()
        await first
    assert refused.json()["error"]["message"] == examples_of(PREDICT)["overloaded"][1]["message"]


@pytest.mark.parametrize(
    "status,detail,code",
    [
        (grpc.StatusCode.UNAVAILABLE, "failed to connect", "triton_unavailable"),
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'mnist_cnn'", "model_not_ready"),
        (grpc.StatusCode.INTERNAL, "oops", "upstream_error"),
    ],
)
async def test_what_triton_answers_is_told_as_the_example_says(status, detail, code):
    settings = Settings()
    failure = grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(), detail)
    async with TritonClient(settings, Tracing(settings)) as client:
        error = client._translate(failure, "mnist_cnn")
    expected_status, expected = examples_of(PREDICT)[code]
    assert (error.status, error.code, error.message) == (expected_status, code, expected["message"])


def test_a_deadline_is_told_as_the_example_says():
    assert late(Settings().deadline_s).message == examples_of(PREDICT)["deadline_exceeded"][1]["message"]
