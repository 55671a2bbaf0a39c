"""A route without the framework's dependency solver, for the paths where microseconds count."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class DirectRoute(APIRoute):
    """Hands the endpoint ``(request, settings, coalescer)`` itself; the signature still describes it to OpenAPI.

    Solving the three takes the framework as long as decoding an image does: 50 µs of processor a request, and 150 with
    dependencies that are plain functions, for it runs those on other threads (docs/benchmarks.md). The endpoint reads
    its body itself and returns a :class:`Response`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            state = request.app.state
            response: Response = await endpoint(request, state.settings, state.coalescer)
            return response

        return handle
