"""Who gets in, and what happens to whoever is let in: the API key, a bounded number at a time, a deadline.

Pure ASGI, in front of the routes, so that a refusal costs next to nothing and needs no body to be read.
"""

import asyncio
import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from api import metrics
from api.errors import ApiError, InvalidRequest, Unauthorized, response_of
from api.in_flight import InFlight, Place
from api.record import record_of
from api.settings import Settings

GUARDED = "/predict"
TIMEOUT_HEADER = b"x-request-timeout-ms"
_MAX_TIMEOUT_DIGITS = 9


class Admission:
    """Guards every route under ``/predict``.

    Args:
        app: What is guarded.
        settings: Keys and limits.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._keys = [key.encode() for key in settings.api_keys()]
        self._deadline_s = settings.deadline_s
        self._in_flight = InFlight(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        try:
            place = self._admit(scope, receive)
        except ApiError as refusal:
            metrics.REFUSED.labels(refusal.code).inc()
            await response_of(refusal, scope)(scope, receive, send)
            return
        try:
            await self._app(scope, place.receive, send)
        except asyncio.CancelledError:
            if place.outcome is None or place.task is None:
                raise  # not by us: the server is shutting down
            place.task.uncancel()
            if not record_of(scope).status:  # nothing has been sent yet
                await response_of(place.outcome, scope)(scope, receive, send)
        finally:
            self._in_flight.leave(place)

    def _admit(self, scope: Scope, receive: Receive) -> Place:
        """Return the request's place.

        Raises:
            ApiError: The refusal.
        """
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if self._keys and not self._knows(headers):
            raise Unauthorized("Send a valid API key in the x-api-key header, or as a bearer token.")
        length = headers.get(b"content-length", b"")
        body_bytes = int(length) if length.isdigit() else 0
        return self._in_flight.enter(receive, body_bytes, self._timeout_s(headers))

    def _knows(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        given = headers.get(b"x-api-key") or (token if scheme.lower() == b"bearer" else b"")
        # Every key is compared, so that the time taken tells nothing of which was nearly right.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        return any(matches)

    def _timeout_s(self, headers: dict[bytes, bytes]) -> float:
        """Return the seconds that the request has: the setting's, or fewer where it asks for fewer.

        Raises:
            InvalidRequest: It asks for something else than milliseconds.
        """
        given = headers.get(TIMEOUT_HEADER)
        if given is None:
            return self._deadline_s
        if not given.isdigit() or len(given) > _MAX_TIMEOUT_DIGITS or not int(given):
            raise InvalidRequest(f"{TIMEOUT_HEADER.decode()}: send whole milliseconds, from 1 on.")
        return min(int(given) / 1000, self._deadline_s)
