"""Routes that are answered without the framework's router, for the paths where microseconds count.

Finding a route, its wrappers for errors and the dependency solver take the framework longer than decoding an image
takes the api (docs/benchmarks.md). To OpenAPI and everything else these are routes like any other.
"""

from collections.abc import Iterable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.telemetry.request_context import context_of


class DirectRoute(APIRoute):
    """A route whose endpoint takes ``(request, settings, batcher)``, reads its body itself and returns a Response."""


class DirectRoutes:
    """The layer before the framework's router: calls the endpoints of the direct routes itself, and passes on the rest.

    Args:
        app: The framework's router with its wrappers.
        routes: Where the direct ones are picked from.
        state: The app's, with ``settings`` and ``batcher`` once it has started.
    """

    def __init__(self, app: ASGIApp, *, routes: Iterable[BaseRoute], state: State) -> None:
        self._app = app
        self._state = state
        direct = [route for route in routes if isinstance(route, DirectRoute)]
        self._routes = {(method, route.path): route for route in direct for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, if its route is one of these."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        # The framework's router names the span of a traced request.
        if route is None or context_of(scope).span is not None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        response: Response
        try:
            response = await route.endpoint(Request(scope, receive), self._state.settings, self._state.batcher)
        except errors.ApiError as error:
            response = errors.failure_of(error, scope)
        await response(scope, receive, send)
