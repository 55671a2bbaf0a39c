"""A request's body: all of it, unpacked."""

from typing import TYPE_CHECKING

from fastapi import Request

from api import compression
from api.errors import is_protocol
from api.limits.concurrency import hold

if TYPE_CHECKING:
    from api.settings import Settings

# Pieces of a body that are kept apart until all are there: a list of a million would be larger than the body.
_MAX_PIECES = 256


async def read_body(request: Request) -> bytes | bytearray:
    """Return the body as it was before it was packed.

    Raises:
        ApiError: As `compression.unpacked`; the bound is that of a body of the request's path.
    """
    body = await _received(request)
    if "content-encoding" not in request.headers:
        return body
    settings: Settings = request.app.state.settings
    max_bytes = settings.v2_max_body_bytes if is_protocol(request.url.path) else settings.max_body_bytes
    unpacked = await compression.unpacked(request, body, max_bytes)
    if unpacked is not body:
        hold(request.scope, len(body) + len(unpacked))
    return unpacked


async def _received(request: Request) -> bytes | bytearray:
    """Return the body as it came; where in one piece, as nearly always, without the framework's generator."""
    message = await request.receive()
    pieces: list[bytes] = [message.get("body", b"")]
    if not message.get("more_body", False):
        return pieces[0]
    earlier = bytearray()
    while message.get("more_body", False):
        message = await request.receive()
        pieces.append(message.get("body", b""))
        if len(pieces) >= _MAX_PIECES:
            earlier += b"".join(pieces)
            pieces.clear()
    return earlier + b"".join(pieces) if earlier else b"".join(pieces)
