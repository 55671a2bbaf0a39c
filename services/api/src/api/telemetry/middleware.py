"""The outermost middleware: gives every request an id, times it, counts it, logs it, and turns bugs into a 500.

Pure ASGI: Starlette's ``BaseHTTPMiddleware`` can cost three times as much (https://github.com/encode/starlette/issues/1678).
"""

import logging
import os
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.drain import Drain
from api.errors import InternalError, response_of
from api.telemetry import logs, metrics
from api.telemetry.request_context import RequestContext, fields_of
from api.telemetry.tracing import Tracing, parent_of

_log = logging.getLogger(__name__)
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# A browser must not guess another type from the bytes.
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class RequestLog:
    """The outermost layer.

    Args:
        app: Everything else.
        drain: Whether the worker is stopping, so that clients should reconnect elsewhere.
        tracing: Makes the spans.
    """

    def __init__(self, app: ASGIApp, *, drain: Drain, tracing: Tracing) -> None:
        self._app = app
        self._drain = drain
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and account for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _id_of(headers)
        parent = parent_of(headers)
        context = RequestContext(request_id, time.perf_counter(), parent.trace_id if parent else "")
        self._tracing.begin(context)
        scope.setdefault("state", {}).update(request_id=request_id, context=context)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = context.status = message["status"]
                # Only this middleware sets these, so it needn't look for them.
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode()), _NO_SNIFFING]
                if self._drain.is_leaving:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        metrics.IN_FLIGHT.value += 1
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001 - the process's boundary: a bug gets the error body, too
            _log.exception("bug", extra={"request_id": request_id})
            if not status:
                await response_of(InternalError(), scope)(scope, receive, send_with_id)
        finally:
            metrics.IN_FLIGHT.value -= 1
            self._tracing.end(context)
            _account(scope, status, context)


def _id_of(headers: dict[bytes, bytes]) -> str:
    """Return the client's own id where it is valid, so that the logs of both sides can be joined; else a new one."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if _VALID_ID.fullmatch(given) else os.urandom(16).hex()


def _account(scope: Scope, status: int, context: RequestContext) -> None:
    end = time.perf_counter()
    route = getattr(scope.get("route"), "path", None)
    context.error_code = scope["state"].get("error_code", "")
    metrics.account(context, route, scope["method"], status, end)
    if _log.isEnabledFor(logging.INFO):
        what = {"method": scope["method"], "route": route or "unmatched", "status": status}
        logs.finished(_log, what | fields_of(context, end))
