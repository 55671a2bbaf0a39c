"""Admission control: the API key, the rate limit, the concurrency limit, and the deadline of each guarded request.

Pure ASGI, in front of the routes, so that a refusal costs little and needs no body to be read.
"""

import asyncio
import math
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ApiError, InvalidRequest, RateLimited, Unauthorized, response_of
from api.limits.access import Access
from api.limits.budgets import Budgets
from api.limits.concurrency import Budget, ConcurrencyLimiter, Slot
from api.limits.keys import Keys
from api.settings import Settings
from api.telemetry.request_context import context_of

if TYPE_CHECKING:
    from api.limits.rate import RateLimit

TIMEOUT_HEADER = b"x-request-timeout-ms"
_MAX_TIMEOUT_CHARS = 9


class Admission:
    """Guards every path that no public route declares open.

    Args:
        app: What is guarded.
        settings: Keys and limits.
        access: Which paths are public.
        limiter: What the worker serves.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, access: Access, limiter: ConcurrencyLimiter) -> None:
        self._app = app
        self._access = access
        self._keys = Keys((key.get_secret_value() for key in settings.keys), settings.keys_file)
        self._metrics_public = settings.metrics_public
        self._rate = _rate_limit(settings)
        self._budgets = Budgets(settings)
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or refuse it."""
        try:
            slot = await self._admit(scope, receive)
        except ApiError as refusal:
            await response_of(refusal, scope)(scope, receive, send)
            return
        if slot is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, slot.receive, send)
        except asyncio.CancelledError:
            if slot.outcome is None or slot.task is None:
                raise  # the server is shutting down
            slot.task.uncancel()
            if not context_of(scope).status:  # nothing has been sent yet
                await response_of(slot.outcome, scope)(scope, receive, send)
        finally:
            self._limiter.leave(slot)
            scope["state"].pop("slot", None)  # it leads back to the scope: such a cycle is for the garbage collector

    async def _admit(self, scope: Scope, receive: Receive) -> Slot | None:
        """Return the request's slot, or None where it needs none.

        Raises:
            ApiError: The refusal.
        """
        if scope["type"] != "http":
            return None
        path = scope["path"]
        if not self._access.is_guarded(path):
            if not self._metrics_public and self._access.is_monitoring(path):
                self._check_key(dict(scope["headers"]))
            return None
        headers: dict[bytes, bytes] = dict(scope["headers"])
        await self._check_client(scope, headers)
        length = headers.get(b"content-length", b"")
        body_bytes = int(length) if length.isdigit() else 0
        budget = self._budgets.of(scope)
        slot = self._limiter.enter(receive, body_bytes, _timeout_s(headers, budget), budget)
        if b"content-encoding" in headers:
            scope["state"]["slot"] = slot  # for `hold`
        return slot

    def _check_key(self, headers: dict[bytes, bytes]) -> None:
        if self._keys.owner_of(_key_in(headers)) is None:
            raise _unauthorized()

    async def _check_client(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        owner = self._keys.owner_of(_key_in(headers)) if self._keys else None
        if self._rate is not None:
            # Without a valid key the rate limit counts by address, so wrong keys share one budget.
            wait_s = await self._rate.wait_s(owner, (scope.get("client") or ("",))[0])
            if wait_s:
                raise RateLimited("You are over your rate limit; slow down.", retry_after_s=math.ceil(wait_s))
        if self._keys and owner is None:
            raise _unauthorized()
        scope["state"]["owner"] = owner or ""


def _timeout_s(headers: dict[bytes, bytes], budget: Budget) -> float:
    """Return the seconds that the request has: the budget's, or fewer where it asks for fewer.

    Raises:
        InvalidRequest: The header isn't a number of milliseconds.
    """
    given = headers.get(TIMEOUT_HEADER)
    if given is None:
        return budget.timeout_s
    if not given.isdigit() or len(given) > _MAX_TIMEOUT_CHARS or not int(given):
        raise InvalidRequest(f"{TIMEOUT_HEADER.decode()}: send whole milliseconds, from 1 on.")
    return min(int(given) / 1000, budget.timeout_s)


def _rate_limit(settings: Settings) -> "RateLimit | None":
    if not settings.rate_limit:
        return None
    from api.limits.rate import RateLimit  # noqa: PLC0415 - 40 ms and 2 MB

    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return RateLimit(settings.rate_limit, settings.rate_burst, redis_url)


def _key_in(headers: dict[bytes, bytes]) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return headers.get(b"x-api-key") or (token if scheme.lower() == b"bearer" else b"")


def _unauthorized() -> Unauthorized:
    return Unauthorized("Send a valid API key in the x-api-key header, or as a bearer token.")
