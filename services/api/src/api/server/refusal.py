"""The answer to what never was a request: the body that every error has, written without the app."""

import logging
import os
import time
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.errors import ApiError, response_of
from api.telemetry import metrics
from api.telemetry.request_context import RequestContext, fields_of

_log = logging.getLogger(__name__)


def wire_of(refusal: ApiError, server_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the answer as it goes over the wire, having counted and logged it as the middleware does with requests.

    Args:
        refusal: What is wrong with what has come.
        server_headers: The headers that the server gives every answer.
    """
    record = RequestContext(os.urandom(16).hex(), time.perf_counter(), error_code=refusal.code)
    metrics.account(record, None, "", refusal.status, record.start)
    what = {"route": "unmatched", "status": refusal.status}
    _log.info("request", extra={"fields": what | fields_of(record, record.start)})
    response = response_of(refusal, {"type": "http", "state": {"request_id": record.request_id}})
    headers = [
        *server_headers,
        *response.raw_headers,
        (b"x-request-id", record.request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[refusal.status], *lines, b"\r\n", bytes(response.body)])
