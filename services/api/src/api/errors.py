"""Every way in which the api can fail a request, and the one body that says so.

    ApiError
    ├── InvalidRequest        422  invalid_request       the body isn't what the schema asks for
    │   ├── InvalidArchive    422  invalid_archive       a ZIP archive that can't be read, or isn't taken
    │   └── InvalidInput      422  invalid_input         an input that the task can't read
    │       ├── InvalidImage  422  invalid_image         bytes that aren't an image the task can read
    │       └── NoDigitFound  422  no_digit_found        an image in which nothing could be a digit
    ├── BadRequest            400  bad_request           the bytes are no HTTP request, or not of their coding
    ├── Unauthorized          401  unauthorized          no key, or a wrong one
    ├── UnknownJob            404  unknown_job           no job has this id, or another API key's has
    ├── RequestTimeout        408  request_timeout       the client took too long to send its request
    ├── KeyReused             409  idempotency_key_reused  the Idempotency-Key stands for another job's body
    ├── PayloadTooLarge       413  payload_too_large     body, input or batch over its limit
    ├── UnsupportedMedia      415  unsupported_media_type
    │   └── UnsupportedCoding 415  unsupported_media_type  the body's Content-Encoding isn't one that is read
    ├── RateLimited           429  rate_limited          the client is over its rate limit
    ├── HeadersTooLarge       431  headers_too_large     headers over their limit
    ├── ClientGone            499  client_closed_request the client hung up; only in the log and the metrics
    ├── JobsOff               501  jobs_off              jobs need a Redis, and none is set
    ├── JobsUnavailable       503  jobs_unavailable      the Redis of the jobs doesn't answer: retry later
    ├── JobStorageFull        507  job_storage_full      no room for the job's inputs: retry later
    ├── WorkerLost            500  worker_lost           workers ended while they answered a job's items
    ├── Overloaded            503  overloaded            the concurrency limit or the queue is full: retry later
    ├── Draining              503  draining              the api is about to stop; only /health/ready answers this
    └── UpstreamError         502  upstream_error        Triton answered, but not with an answer
        ├── Unavailable       503  triton_unavailable    no server answers at Triton's address
        ├── ModelNotReady     503  model_not_ready       Triton answers, the model isn't loaded
        │   └── UnknownModel  503  model_not_ready       Triton has no model of this name and version; 404 under /v2
        ├── InvalidTensors    502  upstream_error        Triton finds fault with the request; 400 under /v2
        └── DeadlineExceeded  504  deadline_exceeded     no answer within the request's time

The HTTP layer turns each into ``{"error": {"code", "message", "request_id"}}``, and the framework's own errors (404,
405, 422) likewise. Under ``/v2`` the body is ``{"error": message}`` with the status that Triton has for such a fault.
Any other exception is a bug and becomes a 500 that reveals nothing of the inside.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

_CODES = {404: "not_found", 405: "method_not_allowed"}
# Every path below has the Open Inference Protocol's errors.
_PROTOCOL = "/v2"
# Characters of a client's own text that an error repeats.
_MAX_NAME = 100


class ApiError(Exception):
    """A failure with an HTTP status, a stable code for programs and a sentence for people.

    Args:
        message: What went wrong and what to do about it; shown to the client as it stands.
        retry_after_s: Seconds after which trying again makes sense, sent as ``Retry-After``.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidRequest(ApiError):
    """The request isn't what the schema asks for."""

    status = 422
    code = "invalid_request"


class InvalidArchive(InvalidRequest):
    """The ZIP archive can't be read, or holds what isn't taken."""

    code = "invalid_archive"


class InvalidInput(InvalidRequest):
    """The input isn't one that the task can read."""

    code = "invalid_input"


class InvalidImage(InvalidInput):
    """The bytes aren't an image that can be read."""

    code = "invalid_image"


class NoDigitFound(InvalidInput):
    """Nothing in the image stands out as a digit does: it is blank, or has rules, a grid or dust alone."""

    code = "no_digit_found"
    sentence: ClassVar[str] = (
        "Nothing in the image stands out from its background as a digit does: send one digit, larger or in more "
        "contrast."
    )

    def __init__(self) -> None:
        super().__init__(self.sentence)


class BadRequest(ApiError):
    """The bytes are no HTTP request, or the body isn't of the coding that its `Content-Encoding` names."""

    status = 400
    code = "bad_request"


class Unauthorized(ApiError):
    """The API key is missing or wrong."""

    status = 401
    code = "unauthorized"


class UnknownJob(ApiError):
    """No job of this API key has this id."""

    status = 404
    code = "unknown_job"


class RequestTimeout(ApiError):
    """The client took too long to send the request."""

    status = 408
    code = "request_timeout"


class KeyReused(ApiError):
    """The Idempotency-Key was sent before, with another body."""

    status = 409
    code = "idempotency_key_reused"


class PayloadTooLarge(ApiError):
    """The body, an input or a batch is over its limit."""

    status = 413
    code = "payload_too_large"


class UnsupportedMedia(ApiError):
    """The content type or coding isn't one that the route reads."""

    status = 415
    code = "unsupported_media_type"


class UnsupportedCoding(UnsupportedMedia):
    """The body's coding isn't one that is read; the answer names those that are."""

    headers: ClassVar[Mapping[str, str]] = {"accept-encoding": "gzip, deflate"}


class RateLimited(ApiError):
    """The client is over its rate limit."""

    status = 429
    code = "rate_limited"


class HeadersTooLarge(ApiError):
    """The headers are over their limit; no route has seen the request."""

    status = 431
    code = "headers_too_large"


class ClientGone(ApiError):
    """The client hung up before its answer, which it can't read any more; the status is nginx's for this case."""

    status = 499
    code = "client_closed_request"


class JobsOff(ApiError):
    """Jobs need a Redis, and the settings name none."""

    status = 501
    code = "jobs_off"


class JobsUnavailable(ApiError):
    """The Redis that holds the jobs doesn't answer."""

    status = 503
    code = "jobs_unavailable"


class JobStorageFull(ApiError):
    """There is no room for the job's inputs."""

    status = 507
    code = "job_storage_full"


class WorkerLost(ApiError):
    """Worker processes ended while they answered these items of a job, as often as the settings allow."""

    code = "worker_lost"


class Overloaded(ApiError):
    """This worker is at its concurrency limit, or its queue is full."""

    status = 503
    code = "overloaded"


class Draining(ApiError):
    """The api is about to stop: a load balancer should send requests elsewhere."""

    status = 503
    code = "draining"


class UpstreamError(ApiError):
    """Triton answered with an error, or with something that isn't the model's answer."""

    status = 502
    code = "upstream_error"


class Unavailable(UpstreamError):
    """No server answers at Triton's address."""

    status = 503
    code = "triton_unavailable"


class ModelNotReady(UpstreamError):
    """Triton answers, but the model isn't loaded."""

    status = 503
    code = "model_not_ready"


class UnknownModel(ModelNotReady):
    """Triton answers, and has no such model or version."""


class InvalidTensors(UpstreamError):
    """Triton finds fault with the request itself: its tensors, outputs or parameters."""


class DeadlineExceeded(UpstreamError):
    """There was no answer within the time that the request had."""

    status = 504
    code = "deadline_exceeded"


class InternalError(ApiError):
    """A bug of the api's; the log has the traceback under the request id that the client gets."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side; the log holds it under this request id.")


def request_id_of(scope: Scope) -> str:
    """Return the id that the middleware gave the request, or ``-`` where none ran."""
    return str(scope.get("state", {}).get("request_id", "-"))


def is_protocol(path: str) -> bool:
    """Say whether a path belongs to the Open Inference Protocol."""
    return path == _PROTOCOL or path.startswith(f"{_PROTOCOL}/")


def response_of(error: ApiError, scope: Scope) -> JSONResponse:
    """Return the one body that every error has, with its status, its headers and, where it helps, ``Retry-After``."""
    headers = dict(error.headers)
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    status = _protocol_status(error) if is_protocol(scope.get("path", "")) else error.status
    return _respond(status, error.code, error.message, scope, headers)


def _protocol_status(error: ApiError) -> int:
    """Return the status with which Triton answers the same fault."""
    if isinstance(error, InvalidRequest | InvalidTensors):
        return 400
    if isinstance(error, UnknownModel):
        return 404
    if isinstance(error, UnsupportedMedia):
        return 501
    return 500 if type(error) is UpstreamError else error.status


def install(app: FastAPI) -> None:
    """Give every error of ``app``, the framework's own included, the one body."""

    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> JSONResponse:
        return response_of(error, request.scope)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return response_of(InvalidRequest(sentence_of(list(error.errors()))), request.scope)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "http_error")
        message = f"{request.method} {request.url.path[:_MAX_NAME]}: {error.detail}."
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(_methods_of(app, request.scope))
        return _respond(error.status_code, code, message, request.scope, headers)


def _methods_of(app: FastAPI, scope: Scope) -> list[str]:
    """Return the methods of all routes of a path; the framework names those of the first one only."""
    routes = [route for route in app.router.routes if route.matches(scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in getattr(route, "methods", None) or ()})


def sentence_of(details: list[Any]) -> str:
    """Return pydantic's first error as ``field: what is wrong``, without the input itself."""
    first = details[0]
    # An unknown field's name is the client's own.
    where = ".".join(str(part)[:_MAX_NAME] for part in first["loc"] if part != "body")
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _respond(status: int, code: str, message: str, scope: Scope, headers: dict[str, str]) -> JSONResponse:
    # The middleware logs and counts by it.
    scope.setdefault("state", {})["error_code"] = code
    # Clients of the protocol expect a string, and find the request id in the header.
    detail = {"code": code, "message": message, "request_id": request_id_of(scope)}
    body = {"error": message if is_protocol(scope.get("path", "")) else detail}
    return JSONResponse(body, status_code=status, headers=headers)
