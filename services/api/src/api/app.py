"""Puts the app together; the only place that knows every part."""

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from numpy.typing import NDArray
from starlette.middleware.cors import CORSMiddleware

from api import errors, openapi
from api.drain import Drain
from api.inference.batcher import Answer, MicroBatcher
from api.inference.readiness import Readiness
from api.inference.triton import Triton
from api.limits.admission import Admission
from api.limits.concurrency import ConcurrencyLimiter
from api.routes import docs, health
from api.routes import metrics as metrics_route
from api.settings import Settings
from api.tasks import base
from api.tasks.digits import image as digits
from api.tasks.digits import older_clients, pages
from api.tasks.direct import DirectRoutes
from api.telemetry import metrics
from api.telemetry.middleware import RequestLog
from api.telemetry.request_context import RequestContext
from api.telemetry.tracing import Tracing

_DESCRIPTION = """
Reads handwritten digits with a network served by NVIDIA Triton.

Every error has one body: `{"error": {"code", "message", "request_id"}}`; the id is also in the `x-request-id` header.
"""

# What a script of another origin may send, and read of the answer. Cookies mean nothing here, so they stay out.
_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": ["authorization", "content-type", "x-api-key", "x-request-id", "x-request-timeout-ms"],
    "expose_headers": ["retry-after", "x-request-id"],
}


def create_app(settings: Settings, *, backend: Triton | None = None) -> FastAPI:
    """Return the app.

    Args:
        settings: Everything that can be set from outside.
        backend: What answers in Triton's place in unit tests; a client of ``settings.triton_url`` if not given.
    """
    tracing = Tracing(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Made here and not at import: a gRPC channel belongs to the event loop and to the process that made it.
        async with (
            metrics.flushing(settings.max_in_flight),
            tracing.exporting(),
            backend or Triton(settings, tracing) as triton,
        ):

            async def read(rows: NDArray[Any], records: Sequence[RequestContext]) -> Answer:
                # For all rows of a call at once: a row by itself costs ten times as much.
                scores = await triton.infer(rows, records)
                return Answer(digits.answer(scores.values), scores.model_version)

            app.state.batcher = MicroBatcher(
                read,
                capacity=triton.max_rows,
                max_calls=settings.max_calls,
                max_queued_rows=settings.max_queued_images,
            )
            app.state.readiness = Readiness(triton, settings, app.state.drain)
            # What lives until the end needn't be looked at by every collection.
            gc.freeze()
            async with app.state.readiness.watched():
                yield
            await app.state.batcher.drain()

    app = FastAPI(
        title="Digits",
        version="0.1.0",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=tracing.of_framework(),
    )
    app.state.settings = settings
    app.state.drain = Drain()
    app.state.in_flight = ConcurrencyLimiter(settings)
    errors.install(app)
    for topic in (base, older_clients, health, metrics_route, pages, docs):
        app.include_router(topic.router)
    openapi.describe(app)
    app.add_middleware(DirectRoutes, routes=base.router.routes, state=app.state)  # added first: the innermost
    app.add_middleware(Admission, settings=settings, in_flight=app.state.in_flight)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **_CORS)
    app.add_middleware(RequestLog, drain=app.state.drain, tracing=tracing)  # added last, so it is the outermost
    return app
