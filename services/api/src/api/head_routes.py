"""``HEAD`` wherever there is ``GET``: the same answer, of which the server sends the headers only."""

from collections.abc import Iterable
from copy import copy

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


def with_head(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Return the routes, those with ``GET`` answering ``HEAD`` too.

    OpenAPI would list each method of such a route, so it shows the route as it was given, which no request gets to.
    """
    found: list[BaseRoute] = []
    for route in routes:
        if isinstance(route, APIRoute) and "GET" in (methods := route.methods or ()):
            served = copy(route)
            served.methods = {*methods, "HEAD"}
            served.include_in_schema = False
            found.append(served)
        found.append(route)
    return found
