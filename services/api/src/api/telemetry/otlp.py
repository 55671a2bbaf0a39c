"""Sends spans to a collector, by OTLP over HTTP; the only file that needs OpenTelemetry's SDK."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from api.telemetry.logs import OnceAMinute

_PATH = "/v1/traces"
# Without an answer of the collector spans are dropped, and a stop takes no longer than this.
_TIMEOUT_S = 2.0


class Exporter:
    """Exports the spans of one process.

    Args:
        endpoint: The collector, ``http://host:4318``.
        service: What the spans say they are of.
    """

    def __init__(self, endpoint: str, service: str) -> None:
        self._url = endpoint.rstrip("/") + _PATH
        resource = Resource.create({"service.name": service, "service.version": version("stack-api")})
        # Sampling is decided before a span is made (api.telemetry.tracing).
        self.provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Export on a thread while the block runs; then export the rest."""
        exporter = OTLPSpanExporter(self._url, timeout=_TIMEOUT_S)
        logging.getLogger(type(exporter).__module__).addFilter(OnceAMinute())
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        try:
            yield
        finally:
            # On a daemon thread with a time-out: the library would retry for half a minute.
            closing = threading.Thread(target=self.provider.shutdown, daemon=True)
            closing.start()
            await asyncio.to_thread(closing.join, _TIMEOUT_S)
