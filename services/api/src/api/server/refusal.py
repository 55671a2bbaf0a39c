"""The answer to bytes that aren't a request: the one error body, written without the app."""

import logging
import os
import time
from collections.abc import Iterable
from http import HTTPStatus

from api.errors import ApiError, response_of
from api.telemetry import metrics
from api.telemetry.request_context import RequestContext, fields_of

_log = logging.getLogger(__name__)
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"connection", b"close"))


def wire_of(refusal: ApiError, server_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the bytes of the answer. It is counted and logged here, as the middleware does with requests.

    Args:
        refusal: What is wrong with the bytes that arrived.
        server_headers: The headers that the server adds to every answer.
    """
    record = RequestContext(os.urandom(16).hex(), time.perf_counter(), error_code=refusal.code)
    metrics.account(record, None, "", refusal.status, record.start)
    what = {"route": "unmatched", "status": refusal.status}
    _log.info("request", extra={"fields": what | fields_of(record, record.start)})
    response = response_of(refusal, {"type": "http", "state": {"request_id": record.request_id}})
    request_id = (b"x-request-id", record.request_id.encode())
    headers = (*server_headers, *response.raw_headers, request_id, *_HEADERS)
    status_line = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n".encode()
    return b"".join([status_line, *(b"%b: %b\r\n" % header for header in headers), b"\r\n", bytes(response.body)])
