"""Traces from the client's ``traceparent`` through the api into Triton's own spans; off unless an endpoint is set.

FastAPI makes the span of a request. This module adds its children ``decode`` and ``queue``, and the spans of the calls
to Triton. Sampling is decided before any span is made, so that an unsampled request costs next to nothing.
"""

import random
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from api.settings import Settings
from api.telemetry.request_context import Interval, RequestContext

Metadata = Sequence[tuple[str, str]]

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")
_SAMPLED = 0x01
# Probes and scrapes are frequent and not worth a trace.
_UNTRACED = ("/health", "/metrics")
_OFF: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
_INTO_HEADERS = TraceContextTextMapPropagator()


class Parent(NamedTuple):
    """The trace context of a request's ``traceparent``."""

    trace_id: str  # 32 hexadecimal digits
    is_sampled: bool


def parent_of(headers: dict[bytes, bytes]) -> Parent | None:
    """Return the client's trace context; None without a valid ``traceparent``."""
    given = headers.get(b"traceparent")
    found = _TRACEPARENT.fullmatch(given) if given else None
    return Parent(found[1].decode(), bool(int(found[2], 16) & _SAMPLED)) if found else None


class Tracing:
    """Makes the spans of one worker.

    Args:
        settings: The collector's endpoint, and the share of requests that are sampled.
        service: What the spans say they are of.
    """

    def __init__(self, settings: Settings, service: str = "api") -> None:
        self._ratio = settings.trace_ratio
        self._otlp = None
        if settings.otlp_endpoint:
            from api.telemetry import otlp  # noqa: PLC0415 - 0.1 s and 10 MB, only with an endpoint

            self._otlp = otlp.Exporter(settings.otlp_endpoint, service)
            self._tracer = self._otlp.provider.get_tracer(service)

    def of_framework(self) -> TelemetryConfig:
        """Return the framework's telemetry settings: off, or a span for each sampled request."""
        if self._otlp is None:
            return _OFF
        return _OFF | {"tracing": True, "tracer_provider": self._otlp.provider, "exclude": self._is_left_out}

    @asynccontextmanager
    async def exporting(self) -> AsyncIterator[None]:
        """Export spans while the block runs, and the remaining ones at its end."""
        if self._otlp is None:
            yield
            return
        async with self._otlp.running():
            yield

    def begin(self, context: RequestContext) -> None:
        """Attach the current span to the request's context."""
        if self._otlp is None:
            return
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attribute("api.request_id", context.request_id)
            context.span = span
            context.trace_id = trace.format_trace_id(span.get_span_context().trace_id)

    def end(self, context: RequestContext) -> None:
        """Make the spans of the stages before the call to Triton."""
        if context.span is None:
            return
        parent = trace.set_span_in_context(context.span)
        for name, stage in (("decode", context.decode), ("queue", context.queue)):
            if stage:
                start_ns, end_ns = _since_1970(stage)
                self._tracer.start_span(name, parent, start_time=start_ns).end(end_ns)

    @contextmanager
    def call(self, contexts: Sequence[RequestContext], rows: int) -> Iterator[Metadata]:
        """Make the span of a call to Triton, and yield the gRPC metadata that carries it to Triton.

        The span belongs to the first traced request's trace and has a link to every traced request in the call; the
        spans of the other requests have a link to it.
        """
        spans = [context.span for context in contexts if context.span]
        if not spans:
            yield ()
            return
        context = trace.set_span_in_context(spans[0])
        links = [Link(span.get_span_context()) for span in spans] if len(spans) > 1 else None
        size = {"api.batch_rows": rows, "api.batch_requests": len(contexts)}
        call = self._tracer.start_span("triton", context, kind=SpanKind.CLIENT, attributes=size, links=links)
        for span in spans[1:]:
            span.add_link(call.get_span_context())
        headers: dict[str, str] = {}
        _INTO_HEADERS.inject(headers, trace.set_span_in_context(call))
        with trace.use_span(call, end_on_exit=True, record_exception=False):
            yield tuple(headers.items())

    def traceparent_of(self, context: RequestContext) -> str:
        """Return a request's trace context, for work that goes on after its answer; empty where it isn't traced."""
        headers: dict[str, str] = {}
        if context.span is not None:
            _INTO_HEADERS.inject(headers, trace.set_span_in_context(context.span))
        return headers.get("traceparent", "")

    @contextmanager
    def continued(self, traceparent: str, name: str, attributes: Mapping[str, str | int]) -> Iterator[Span | None]:
        """Make a span of a trace that began in another process, and yield it; None without a trace."""
        if self._otlp is None or not traceparent:
            yield None
            return
        parent = _INTO_HEADERS.extract({"traceparent": traceparent})
        span = self._tracer.start_span(name, parent, kind=SpanKind.CONSUMER, attributes=dict(attributes))
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            yield span

    def _is_left_out(self, scope: MutableMapping[str, Any]) -> bool:
        """Say whether a request gets no span: as its ``traceparent`` says, else by ``trace_ratio``."""
        if scope["path"].startswith(_UNTRACED):
            return True
        parent = parent_of(dict(scope["headers"]))
        return not parent.is_sampled if parent else random.random() >= self._ratio  # noqa: S311 - no secret


def _since_1970(stage: Interval) -> tuple[int, int]:
    """Return a stage's start and end in ns since 1970."""
    offset_ns = time.time_ns() - time.perf_counter_ns()
    return int(stage[0] * 1e9) + offset_ns, int(stage[1] * 1e9) + offset_ns
