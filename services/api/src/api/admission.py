"""Who gets in: the API key, a bounded number of requests in flight, the body's ceiling.

Pure ASGI, in front of the routes, so that a refusal costs next to nothing and needs no body to be read.
"""

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from api.errors import ApiError, Overloaded, PayloadTooLarge, Unauthorized, response_of

GUARDED = "/predict"


class Admission:
    """Guards every route under ``/predict``.

    Args:
        app: What is guarded.
        keys: Accepted API keys; none means that nobody is asked for one.
        max_in_flight: Requests that are let in at a time.
        max_body_bytes: Largest body.
    """

    def __init__(self, app: ASGIApp, *, keys: Sequence[str], max_in_flight: int, max_body_bytes: int) -> None:
        self._app = app
        self._keys = [key.encode() for key in keys]
        self._free = max_in_flight
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            metrics.REFUSED.labels(refusal.code).inc()
            await response_of(refusal, scope)(scope, receive, send)
            return
        self._free -= 1
        try:
            await self._app(scope, self._limited(receive), send)
        finally:
            self._free += 1

    def _refusal(self, headers: Headers) -> ApiError | None:
        if self._keys and not self._knows(headers):
            return Unauthorized("Send a valid API key in the x-api-key header, or as a bearer token.")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_body_bytes:
            return self._too_large()
        if self._free <= 0:
            return Overloaded("The server is at its limit; try again in a second.", retry_after_s=1)
        return None

    def _knows(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = (headers.get("x-api-key") or (token if scheme.lower() == "bearer" else "")).encode()
        # Every key is compared, so that the time taken tells nothing of which was nearly right.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        return any(matches)

    def _limited(self, receive: Receive) -> Receive:
        """Count a body that came without its length."""
        seen_bytes = 0

        async def limited() -> Message:
            nonlocal seen_bytes
            message = await receive()
            seen_bytes += len(message.get("body", b""))
            if seen_bytes > self._max_body_bytes:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body is over {self._max_body_bytes} bytes.")
