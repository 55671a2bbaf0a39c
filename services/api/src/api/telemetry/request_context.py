"""What is recorded of one request on its way, and read at its end for the metrics, the log and the trace."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import Span
from starlette.types import Scope

# Start and end of a stage, in seconds of `time.perf_counter`.
Interval = tuple[float, float]


@dataclass(slots=True)
class RequestContext:
    """One request.

    Attributes:
        request_id: Its id, the client's own where that is valid.
        start: When it came in.
        trace_id: The trace it belongs to, 32 hexadecimal digits; empty where it has none.
        decode: Inputs to tensors.
        queue: Waiting for a call to Triton.
        triton: The call that carried it.
        batch_rows: Rows of that call.
        model_version: Version that answered.
        status: The HTTP status, once the answer has begun; 0 before.
        error_code: The code of the error that it ended with; empty where there was none.
        span: Its span, if the api traces it.
    """

    request_id: str
    start: float
    trace_id: str = ""
    decode: Interval | None = None
    queue: Interval | None = None
    triton: Interval | None = None
    batch_rows: int = 0
    model_version: str = ""
    status: int = 0
    error_code: str = ""
    span: Span | None = None

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Time the block as the stage ``decode``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.decode = (start, time.perf_counter())

    def stages_s(self) -> list[tuple[str, float]]:
        """Return the stages that the request went through, and the seconds spent in each."""
        stages = (("decode", self.decode), ("queue", self.queue), ("triton", self.triton))
        return [(name, stage[1] - stage[0]) for name, stage in stages if stage]


def context_of(scope: Scope) -> RequestContext:
    """Return the context that the middleware gave the request."""
    context: RequestContext = scope["state"]["context"]
    return context


def fields_of(context: RequestContext, end: float) -> dict[str, Any]:
    """Return what the log line says of the request; what it never came to is left out."""
    fields: dict[str, Any] = {"request_id": context.request_id}
    for name, took_s in context.stages_s():
        fields[f"{name}_ms"] = round(took_s * 1000, 2)
    fields["total_ms"] = round((end - context.start) * 1000, 2)
    if context.batch_rows:
        fields["batch_rows"] = context.batch_rows
        fields["model_version"] = context.model_version
    if context.error_code:
        fields["code"] = context.error_code
    if context.trace_id:
        fields["trace_id"] = context.trace_id
    return fields
