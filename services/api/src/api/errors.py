"""Every way in which the api can fail a request, and the one body that says so.

    ApiError
    ├── InvalidRequest        422  invalid_request       the body isn't what the schema asks for
    │   └── InvalidImage      422  invalid_image         bytes that aren't an image we can read
    ├── BadRequest            400  bad_request           what came is no HTTP request
    ├── Unauthorized          401  unauthorized          no key, or a wrong one
    ├── RequestTimeout        408  request_timeout       the client took too long to send its request
    ├── PayloadTooLarge       413  payload_too_large     body, image or batch over its ceiling
    ├── UnsupportedMedia      415  unsupported_media_type
    ├── RateLimited           429  rate_limited          this client asks more often than it may
    ├── HeadersTooLarge       431  headers_too_large     more headers than are read
    ├── ClientGone            499  client_closed_request the client hung up; stands in the log and the metrics only
    ├── Overloaded            503  overloaded            the bounded queue is full: come back later
    ├── Draining              503  draining              the api is about to stop; /health/ready alone says so
    └── UpstreamError         502  upstream_error        Triton answered, but not with an answer
        ├── Unavailable       503  triton_unavailable    nobody answers at Triton's address
        ├── ModelNotReady     503  model_not_ready       Triton answers, the model isn't loaded
        └── DeadlineExceeded  504  deadline_exceeded     no answer within the request's time

The HTTP layer turns each into ``{"error": {"code", "message", "request_id"}}``; so it does with the framework's own
errors (404, 405, 422). Whatever is not in this tree is a bug and becomes a 500 that tells nothing of the inside.
"""

from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.telemetry import metrics

_CODES = {404: "not_found", 405: "method_not_allowed"}
# Characters of what a client made up that are sent back to it.
_MAX_NAME = 100


class ApiError(Exception):
    """A failure with an HTTP status, a stable code for programs and a sentence for people.

    Args:
        message: What went wrong and what to do about it; shown to the client as it stands.
        retry_after_s: Seconds after which trying again makes sense, sent as ``Retry-After``.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidRequest(ApiError):
    """The request isn't what the schema asks for."""

    status = 422
    code = "invalid_request"


class InvalidImage(InvalidRequest):
    """The bytes aren't an image that can be read."""

    code = "invalid_image"


class BadRequest(ApiError):
    """What came is no HTTP request; no route has seen it."""

    status = 400
    code = "bad_request"


class Unauthorized(ApiError):
    """The API key is missing or wrong."""

    status = 401
    code = "unauthorized"


class RequestTimeout(ApiError):
    """The client took too long to send the request."""

    status = 408
    code = "request_timeout"


class PayloadTooLarge(ApiError):
    """The body, an image or a batch is over its ceiling."""

    status = 413
    code = "payload_too_large"


class UnsupportedMedia(ApiError):
    """The content type isn't one that the route reads."""

    status = 415
    code = "unsupported_media_type"


class RateLimited(ApiError):
    """The client asks more often than it may."""

    status = 429
    code = "rate_limited"


class HeadersTooLarge(ApiError):
    """The headers are over their ceiling; no route has seen the request."""

    status = 431
    code = "headers_too_large"


class ClientGone(ApiError):
    """The client hung up before its answer. Nobody reads this; the status is the one that nginx made usual for it."""

    status = 499
    code = "client_closed_request"


class Overloaded(ApiError):
    """The bounded queue of this worker is full."""

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
    """Nobody answers at Triton's address."""

    status = 503
    code = "triton_unavailable"


class ModelNotReady(UpstreamError):
    """Triton answers, but the model isn't loaded."""

    status = 503
    code = "model_not_ready"


class DeadlineExceeded(UpstreamError):
    """There was no answer within the time that the request had."""

    status = 504
    code = "deadline_exceeded"


class InternalError(ApiError):
    """A bug of ours; the log has the traceback, the client has the request id to name it by."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side; the log holds it under this request id.")


def request_id_of(scope: Scope) -> str:
    """Return the id that the middleware gave the request, or ``-`` where none ran."""
    return str(scope.get("state", {}).get("request_id", "-"))


def response_of(error: ApiError, scope: Scope) -> JSONResponse:
    """Return the one body that every error has, with its status and, where it helps, ``Retry-After``."""
    headers = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    return _respond(error.status, error.code, error.message, scope, headers)


def failure_of(error: ApiError, scope: Scope) -> JSONResponse:
    """Return the answer to a request whose route failed, and count it if that was a refusal."""
    # What admission refuses doesn't come by here, and is counted there.
    if isinstance(error, Overloaded | PayloadTooLarge):
        metrics.REFUSED.labels(error.code).inc()
    return response_of(error, scope)


def install(app: FastAPI) -> None:
    """Give every error of ``app``, the framework's own included, the one body."""

    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> JSONResponse:
        return failure_of(error, request.scope)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return response_of(InvalidRequest(sentence_of(list(error.errors()))), request.scope)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "http_error")
        message = f"{request.method} {request.url.path[:_MAX_NAME]}: {error.detail}."
        return _respond(error.status_code, code, message, request.scope, dict(error.headers or {}))


def sentence_of(details: list[Any]) -> str:
    """Return pydantic's first complaint as ``field: what is wrong``, without the input that it complains about."""
    first = details[0]
    # An unknown field's name is the client's own.
    where = ".".join(str(part)[:_MAX_NAME] for part in first["loc"] if part != "body")
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _respond(status: int, code: str, message: str, scope: Scope, headers: dict[str, str]) -> JSONResponse:
    body = {"error": {"code": code, "message": message, "request_id": request_id_of(scope)}}
    return JSONResponse(body, status_code=status, headers=headers)
