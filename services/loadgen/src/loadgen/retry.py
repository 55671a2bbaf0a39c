"""Sends a request again after a connection that was refused or lost, as a client of a replicated api should."""

import random
import time
from typing import Any

import gevent
from geventhttpclient.response import HTTPConnectionClosed
from locust.contrib.fasthttp import FastHttpSession

# Locust counts requests by type and name; this type keeps the attempts that were lost apart from the answers.
TYPE = "RETRY"
_LOST = (ConnectionError, HTTPConnectionClosed)
_FIRST_S = 0.05
_LONGEST_S = 1.0


def post(session: FastHttpSession, path: str, *, retry: int, **request: Any) -> Any:  # noqa: ANN401 - Locust's types
    """Return Locust's context manager of the answer, whose time counts from the first attempt.

    Args:
        session: The user's.
        path: Where to.
        retry: Most times that the request is sent again.
        request: Locust's further arguments.
    """
    start, lost = time.perf_counter(), 0
    while True:
        response: Any = session.post(path, catch_response=True, **request)
        if lost == retry or response.status_code or not isinstance(response.error, _LOST):
            break
        with response:
            response.request_meta["request_type"] = TYPE
            response.success()
        gevent.sleep(pause_s(lost))
        lost += 1
    if lost:
        response.request_meta["response_time"] = (time.perf_counter() - start) * 1000
    return response


def pause_s(lost: int) -> float:
    """Return an exponential back-off, half of it random so that users don't return together."""
    longest_s: float = min(_FIRST_S * 2**lost, _LONGEST_S)
    return longest_s * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it
