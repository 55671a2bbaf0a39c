"""JSON answers."""

import orjson
from fastapi import Response


def json_response(content: object, status: int = 200) -> Response:
    """Return an answer; the content isn't validated against a schema again."""
    return Response(orjson.dumps(content), status, media_type="application/json")
