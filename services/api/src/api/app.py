"""Puts the app together; the only place that knows every part."""

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import errors, openapi
from api.drain import Drain
from api.head_routes import with_head
from api.inference.batcher import MicroBatcher
from api.inference.client import InferenceClient
from api.inference.models import Models
from api.inference.readiness import Readiness
from api.inference.traffic import Traffic
from api.inference.triton import TritonClient
from api.jobs.routes import router_of as jobs_router_of
from api.limits.access import Access
from api.limits.admission import Admission
from api.limits.concurrency import ConcurrencyLimiter
from api.routes import docs, health, models_page
from api.routes import metrics as metrics_route
from api.settings import Settings
from api.slash_redirect import SlashRedirect
from api.tasks.base import Task
from api.tasks.registry import load_tasks
from api.tasks.routes import router_of
from api.telemetry import metrics
from api.telemetry.middleware import RequestLog
from api.telemetry.tracing import Tracing
from api.v2.routes import router_of as v2_router_of

if TYPE_CHECKING:
    from api.jobs.service import Jobs

_DESCRIPTION = """
Asks models that NVIDIA Triton serves.

Every error has one body: `{"error": {"code", "message", "request_id"}}`; the id is also in the `x-request-id` header.
Under `/v2`, the Open Inference Protocol, the body is `{"error": "…"}`.
"""

# What a script of another origin may send, and read of the answer. The api uses no cookies.
_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "HEAD", "POST", "DELETE"],
    "allow_headers": [
        "authorization",
        "content-encoding",
        "content-type",
        "idempotency-key",
        "inference-header-content-length",
        "webhook-url",
        "x-api-key",
        "x-request-id",
        "x-request-timeout-ms",
    ],
    "expose_headers": ["inference-header-content-length", "location", "retry-after", "x-request-id"],
}
# New objects after which the garbage collector looks for cycles; Python's own 700 are those of a few requests.
_GC_THRESHOLD = 20_000


def create_app(
    settings: Settings, *, client: InferenceClient | None = None, tasks: Sequence[Task] | None = None
) -> FastAPI:
    """Return the app.

    Args:
        settings: Everything that can be set from outside.
        client: The inference server's client; one of ``settings.triton_url`` if not given.
        tasks: What is served; the tasks that the settings name if not given.
    """
    tracing = Tracing(settings)
    if tasks is None:
        tasks = load_tasks(settings)
    canaries = [canary for task in tasks if (canary := task.canary())]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Made here and not at import: a gRPC channel belongs to the event loop and to the process that made it.
        async with (
            metrics.flushing(settings.max_in_flight),
            tracing.exporting(),
            client or TritonClient(settings, tracing) as connected,
        ):
            models = Models(connected)
            batcher = MicroBatcher(
                connected,
                models,
                max_calls=settings.max_calls,
                max_queued_rows=settings.max_queued_images,
                traffic=Traffic(settings.traffic_file) if settings.traffic_file else None,
            )
            app.state.client = connected
            app.state.batcher = batcher
            app.state.readiness = Readiness(connected, models, canaries, settings, app.state.drain)
            # What lives until the end need not be scanned by every garbage collection, and a request leaves no cycles.
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD)
            async with app.state.readiness.watched(), AsyncExitStack() as stack:
                if settings.redis_url is not None:
                    app.state.jobs = await stack.enter_async_context(_jobs(settings))
                    app.state.further_metrics = (app.state.jobs.watch.expose,)
                yield
            await batcher.drain()

    app = FastAPI(
        title="Inference API",
        version="0.1.0",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=tracing.of_framework(),
    )
    app.state.settings = settings
    app.state.drain = Drain()
    app.state.tracing = tracing
    app.state.jobs = None  # off, unless the settings name a Redis
    app.state.further_metrics = ()
    app.state.limiter = ConcurrencyLimiter(settings)
    errors.install(app)
    of_tasks = [router for task in tasks for router in (router_of(task), *task.routers())]
    routers = (
        *of_tasks,
        v2_router_of(settings),
        jobs_router_of(settings, tasks),
        health.router_of(settings),
        metrics_route.router,
        docs.router,
        models_page.router,
    )
    # As they are: `include_router` would add two layers of matching to each request.
    app.router.routes.extend(with_head(route for router in routers for route in router.routes))
    app.router.default = SlashRedirect(app.router)
    app.state.access = Access(app.routes)
    openapi.describe(app, app.state.access)
    app.add_middleware(Admission, settings=settings, access=app.state.access, limiter=app.state.limiter)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **_CORS)
    app.add_middleware(RequestLog, drain=app.state.drain, tracing=tracing)  # added last, so it is the outermost
    return app


def _jobs(settings: Settings) -> "Jobs":
    from api.jobs.service import Jobs  # noqa: PLC0415 - the client of Redis takes 0.3 s and 7 MB

    return Jobs(settings)
