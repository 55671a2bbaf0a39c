"""The errors of each route as OpenAPI lists them."""

from typing import Any

from api import errors
from api.schemas import ErrorBody

# What each says, in one of the cases in which it is said.
_SAYS: dict[type[errors.ApiError], str] = {
    errors.Unauthorized: "Send a valid API key in the x-api-key header, or as a bearer token.",
    errors.BadRequest: "Malformed HTTP/1.1 request.",
    errors.HeadersTooLarge: "The request line and the headers are over 32768 bytes.",
    errors.RequestTimeout: "The body wasn't there within 5 s.",
    errors.PayloadTooLarge: "The body is over 8388608 bytes.",
    errors.RateLimited: "You ask more often than you may; slow down.",
    errors.UnsupportedMedia: "Content type text/plain isn't read here; send application/json, image/* or "
    "multipart/form-data.",
    errors.InvalidRequest: "image: Field required",
    errors.InvalidImage: "The image isn't valid base64.",
    errors.UpstreamError: "Triton refused the call (INTERNAL).",
    errors.Overloaded: "The server is at its limit; try again in a second.",
    errors.Draining: "The api is about to stop; send new requests elsewhere.",
    errors.Unavailable: "Triton doesn't answer at 127.0.0.1:8001.",
    errors.ModelNotReady: "Triton doesn't serve model mnist_cnn at the moment.",
    errors.DeadlineExceeded: "There was no answer within 5 s, which is what this request had.",
}
_REQUEST_ID = "0af7651916cd43dd8448eb211c80319c"


def listed(*kinds: type[errors.ApiError]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's ``responses`` for these errors, several codes of one status in one entry."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        what = (kind.__doc__ or "").strip()
        entry = responses.setdefault(
            kind.status, {"model": ErrorBody, "description": "", "content": {"application/json": {"examples": {}}}}
        )
        entry["description"] = f"{entry['description']} `{kind.code}`: {what}".strip()
        body = {"error": {"code": kind.code, "message": _SAYS[kind], "request_id": _REQUEST_ID}}
        entry["content"]["application/json"]["examples"][kind.code] = {"summary": what, "value": body}
    return responses


PREDICT_FAILURES = listed(
    errors.BadRequest,
    errors.HeadersTooLarge,
    errors.Unauthorized,
    errors.RequestTimeout,
    errors.PayloadTooLarge,
    errors.RateLimited,
    errors.UnsupportedMedia,
    errors.InvalidRequest,
    errors.InvalidImage,
    errors.UpstreamError,
    errors.Overloaded,
    errors.Unavailable,
    errors.ModelNotReady,
    errors.DeadlineExceeded,
)
NOT_READY = listed(
    errors.Draining, errors.UpstreamError, errors.Unavailable, errors.ModelNotReady, errors.DeadlineExceeded
)
