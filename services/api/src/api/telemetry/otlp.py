"""Sends spans to a collector, by OTLP over HTTP; the only file that needs OpenTelemetry's SDK."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

_PATH = "/v1/traces"
# A collector that is away costs the spans, and at a stop no more than this.
_TIMEOUT_S = 2.0
_PAUSE_S = 60.0


class Exporter:
    """Spans' way out of one worker.

    Args:
        endpoint: The collector, ``http://host:4318``.
    """

    def __init__(self, endpoint: str) -> None:
        self._url = endpoint.rstrip("/") + _PATH
        resource = Resource.create({"service.name": "api", "service.version": version("stack-api")})
        # Who is sampled has been decided by the time a span is made.
        self.provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send, on a thread of its own, while the block runs; then send the rest."""
        exporter = OTLPSpanExporter(self._url, timeout=_TIMEOUT_S)
        logging.getLogger(type(exporter).__module__).addFilter(_Seldom())
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        try:
            yield
        finally:
            # On a thread that nobody has to wait for: the library would retry for half a minute.
            closing = threading.Thread(target=self.provider.shutdown, daemon=True)
            closing.start()
            await asyncio.to_thread(closing.join, _TIMEOUT_S)


class _Seldom(logging.Filter):
    """Lets a line through once a minute: a collector that is away is no reason to fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is written."""
        if record.created < self._next:
            return False
        self._next = time.time() + _PAUSE_S
        return True
