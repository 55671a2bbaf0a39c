"""What happens to every request: an id, a timer, the metrics, one log line, and a last net for bugs.

Pure ASGI: Starlette's ``BaseHTTPMiddleware`` can cost three times as much (https://github.com/encode/starlette/issues/1678).
"""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from api.drain import Drain
from api.errors import InternalError, response_of

_log = logging.getLogger(__name__)
_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestLog:
    """The outermost layer.

    Args:
        app: Everything else.
        drain: Whether clients are sent away.
    """

    def __init__(self, app: ASGIApp, *, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and account for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _id_of(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                if self._drain.is_leaving:
                    headers["connection"] = "close"
            await send(message)

        metrics.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001 - the process's boundary: whatever it is, the client gets its body
            _log.exception("bug", extra={"request_id": request_id})
            if not status:
                await response_of(InternalError(), scope)(scope, receive, send_with_id)
        finally:
            metrics.IN_FLIGHT.dec()
            _account(scope, status, time.perf_counter() - start, request_id)


def _id_of(headers: Headers) -> str:
    """Return the client's own id where it is sound, so that its logs and ours meet; else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SOUND_ID.fullmatch(given) else uuid.uuid4().hex


def _account(scope: Scope, status: int, took_s: float, request_id: str) -> None:
    # Only known routes become labels: a scanner must not be able to fill the memory with series.
    route = getattr(scope.get("route"), "path", "unmatched")
    metrics.REQUESTS.labels(route, scope["method"] if route != "unmatched" else "any", status).inc()
    metrics.LATENCY.labels(route).observe(took_s)
    _log.info(
        "request",
        extra={
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(took_s * 1000, 2),
            "request_id": request_id,
        },
    )
