"""A job's results as NDJSON: a line for each item, in the order of the input."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.errors import ApiError
from api.jobs.items import Item
from api.jobs.record import Job

if TYPE_CHECKING:
    from api.jobs.store import Store

# Chunks that are read at a time.
_READ = 8
_POLL_S = 0.2


def answer_line(index: int, item: Item, answer: Any) -> bytes:  # noqa: ANN401 - whatever orjson can write
    """Return the line of an item that has an answer."""
    return orjson.dumps(_head(index, item) | {"answer": answer}, option=_OPTIONS)


def error_line(index: int, item: Item, error: ApiError) -> bytes:
    """Return the line of an item that failed."""
    return orjson.dumps(_head(index, item) | {"error": {"code": error.code, "message": error.message}}, option=_OPTIONS)


_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def _head(index: int, item: Item) -> dict[str, Any]:
    return {"index": index, "name": item.name} if item.name else {"index": index}


class Lines(Response):
    """NDJSON that is sent as it comes.

    Starlette's own streaming response also waits for the client to hang up, which the concurrency limit does already.

    Args:
        lines: Pieces of whole lines.
    """

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncGenerator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send the answer."""
        async with aclosing(self._lines):
            # Before the headers: Redis may be away.
            first = await anext(self._lines, b"")
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in self._lines:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


async def stream(store: "Store", job: Job, first: int, limit: int | None, follow_s: float = 0) -> AsyncGenerator[bytes]:
    """Yield the lines from an item on, as far as all before them are there.

    Args:
        store: The jobs.
        job: The job.
        first: Index of the first item.
        limit: Most lines; None for all.
        follow_s: Seconds for which more are waited for.
    """
    until = time.monotonic() + follow_s
    last = job.total if limit is None else min(first + limit, job.total)
    position = first
    while position < last:
        chunk = bisect_right(job.starts, position) - 1
        numbers = range(chunk, min(chunk + _READ, job.chunks))
        found = await store.results(job.id, numbers)
        begun = position
        for number, lines in zip(numbers, found, strict=True):
            if lines is None or position >= last:
                break
            kept = _cut(lines, position - job.starts[number], last - job.starts[number])
            position += kept.count(b"\n")
            yield kept
        if position > begun:
            continue
        if not job.is_open() or time.monotonic() > until:
            return
        await asyncio.sleep(_POLL_S)
        # Read before the results: what is there when the job ends is read once more.
        job = await store.job(job.id) or job._replace(state="gone")


def _cut(lines: bytes, first: int, last: int) -> bytes:
    """Return the lines from `first` to below `last`; all of them where those are beyond both ends."""
    if first <= 0 and last >= lines.count(b"\n"):
        return lines
    return b"".join(lines.splitlines(keepends=True)[max(first, 0) : last])
