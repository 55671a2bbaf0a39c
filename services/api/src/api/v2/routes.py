"""The protocol's routes."""

import re
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from api.direct_route import DirectRoute
from api.limits.access import PublicRoute
from api.settings import Settings
from api.v2 import models, server
from api.v2.description import describe
from api.v2.infer import infer

Endpoint = Callable[[Request], Awaitable[Response]]

_MODEL = "/v2/models/{model}"
_VERSION = "/v2/models/{model}/versions/{version}"


class _PublicDirectRoute(PublicRoute, DirectRoute):
    """A public route that handles its requests itself."""


def router_of(settings: Settings) -> APIRouter:
    """Return the routes, described with the settings' limits."""
    router = APIRouter()

    def add(path: str, endpoint: Endpoint, summary: str, method: str = "GET", *, is_public: bool = False) -> None:
        kind = _PublicDirectRoute if is_public else DirectRoute
        name = re.sub(r"\W+", "_", path).strip("_")
        details = {"name": name, "summary": summary, "tags": ["v2"], **describe(settings, path)}
        router.routes.append(kind(path, endpoint, methods=[method], **details))

    # The busiest first: routes are tried in order.
    for prefix in (_MODEL, _VERSION):
        add(f"{prefix}/infer", infer, "Ask a model", "POST")
    add("/v2", server.metadata, "Name, version and extensions of the server")
    add("/v2/health/live", server.live, "Is the process alive?", is_public=True)
    add("/v2/health/ready", server.ready, "Do the models really answer?", is_public=True)
    add("/v2/models/stats", models.all_stats, "Statistics of all models")
    add("/v2/repository/index", models.index, "What is served: models and versions", "POST")
    for prefix in (_MODEL, _VERSION):
        add(prefix, models.metadata, "Inputs and outputs of a model")
        add(f"{prefix}/ready", models.ready, "Is a model loaded?")
        add(f"{prefix}/config", models.config, "Configuration of a model")
        add(f"{prefix}/stats", models.stats, "Statistics of a model")
    return router
