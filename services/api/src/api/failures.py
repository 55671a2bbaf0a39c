"""The errors of each route as OpenAPI lists them, with the limits that the settings give."""

from typing import Any

from api import errors
from api.schemas import ErrorBody
from api.settings import Settings

_REQUEST_ID = "0af7651916cd43dd8448eb211c80319c"
# What can happen to every guarded request that asks a model.
OF_INFERENCE: tuple[type[errors.ApiError], ...] = (
    errors.BadRequest,
    errors.HeadersTooLarge,
    errors.Unauthorized,
    errors.RequestTimeout,
    errors.PayloadTooLarge,
    errors.RateLimited,
    errors.UnsupportedMedia,
    errors.InvalidRequest,
    errors.UpstreamError,
    errors.Overloaded,
    errors.Unavailable,
    errors.ModelNotReady,
    errors.DeadlineExceeded,
)
OF_READINESS: tuple[type[errors.ApiError], ...] = (
    errors.Draining,
    errors.UpstreamError,
    errors.Unavailable,
    errors.ModelNotReady,
    errors.DeadlineExceeded,
)


def describe(
    settings: Settings, *kinds: type[errors.ApiError], accepted: str = "application/json"
) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's ``responses`` for these errors, several codes of one status in one entry.

    Args:
        settings: The limits.
        kinds: The errors.
        accepted: The content types that the route reads.
    """
    messages = _messages(settings, accepted)
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        what = (kind.__doc__ or "").strip()
        entry = responses.setdefault(
            kind.status, {"model": ErrorBody, "description": "", "content": {"application/json": {"examples": {}}}}
        )
        entry["description"] = f"{entry['description']} `{kind.code}`: {what}".strip()
        body = {"error": {"code": kind.code, "message": messages[kind], "request_id": _REQUEST_ID}}
        entry["content"]["application/json"]["examples"][kind.code] = {"summary": what, "value": body}
    return responses


def _messages(settings: Settings, accepted: str) -> dict[type[errors.ApiError], str]:
    """Return what each error says in one of its cases."""
    return {
        errors.Unauthorized: "Send a valid API key in the x-api-key header, or as a bearer token.",
        errors.BadRequest: "Malformed HTTP/1.1 request.",
        errors.HeadersTooLarge: f"The request line and the headers are over {settings.max_header_bytes} bytes.",
        errors.UnknownJob: "There is no such job, or it has expired.",
        errors.KeyReused: "This Idempotency-Key was sent with another body; use a new one.",
        errors.InvalidArchive: "The ZIP archive can't be read: File is not a zip file.",
        errors.JobsOff: "Jobs are off: set API_REDIS_URL to a Redis, and start a worker.",
        errors.JobsUnavailable: "The Redis that holds the jobs doesn't answer; try again in a few seconds.",
        errors.JobStorageFull: "Redis has no room for this job; try again later.",
        errors.RequestTimeout: f"The body wasn't there within {settings.deadline_s:g} s.",
        errors.PayloadTooLarge: f"The body is over {settings.max_body_bytes} bytes.",
        errors.RateLimited: "You are over your rate limit; slow down.",
        errors.UnsupportedMedia: f"Content type text/plain isn't read here; send {accepted}.",
        errors.InvalidRequest: "image: Field required",
        errors.InvalidInput: "The input isn't valid base64.",
        errors.InvalidImage: "The image isn't valid base64.",
        errors.NoDigitFound: errors.NoDigitFound.sentence,
        errors.UpstreamError: "Triton refused the call (INTERNAL).",
        errors.Overloaded: "The server is at its limit; try again in a second.",
        errors.Draining: "The api is about to stop; send new requests elsewhere.",
        errors.Unavailable: f"Triton doesn't answer at {settings.triton_url}.",
        errors.ModelNotReady: f"Triton doesn't serve model {settings.model_name} at the moment.",
        errors.DeadlineExceeded: f"There was no answer within the {settings.deadline_s:g} s that this request had.",
    }
