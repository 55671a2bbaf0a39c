"""The errors of each route as OpenAPI lists them."""

from typing import Any

from api import errors
from api.schemas import ErrorBody


def listed(*kinds: type[errors.ApiError]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's ``responses`` for these errors, several codes of one status in one entry."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        line = f"`{kind.code}`: {(kind.__doc__ or '').strip()}"
        entry = responses.setdefault(kind.status, {"model": ErrorBody, "description": ""})
        entry["description"] = f"{entry['description']} {line}".strip()
    return responses


PREDICT_FAILURES = listed(
    errors.Unauthorized,
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
