"""What happens to every request: an id, a timer, the metrics, one log line, and a last net for bugs.

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
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# What is an image or JSON by its type is nothing else, whatever its bytes look like to a browser.
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class RequestLog:
    """The outermost layer.

    Args:
        app: Everything else.
        drain: Whether clients are sent away.
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
        record = RequestContext(request_id, time.perf_counter(), parent.trace_id if parent else "")
        self._tracing.begin(record)
        scope.setdefault("state", {}).update(request_id=request_id, record=record)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = record.status = message["status"]
                # Nobody else sets these, so they needn't be looked for.
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode()), _NO_SNIFFING]
                if self._drain.is_leaving:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        metrics.IN_FLIGHT.value += 1
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001 - the process's boundary: whatever it is, the client gets its body
            _log.exception("bug", extra={"request_id": request_id})
            if not status:
                await response_of(InternalError(), scope)(scope, receive, send_with_id)
        finally:
            metrics.IN_FLIGHT.value -= 1
            self._tracing.end(record)
            _account(scope, status, record)


def _id_of(headers: dict[bytes, bytes]) -> str:
    """Return the client's own id where it is sound, so that its logs and ours meet; else a new one."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if _SOUND_ID.fullmatch(given) else os.urandom(16).hex()


def _account(scope: Scope, status: int, record: RequestContext) -> None:
    end = time.perf_counter()
    route = getattr(scope.get("route"), "path", None)
    metrics.account(record, route, scope["method"], status, end)
    if _log.isEnabledFor(logging.INFO):
        what = {"method": scope["method"], "route": route or "unmatched", "status": status}
        logs.finished(_log, what | fields_of(record, end))
