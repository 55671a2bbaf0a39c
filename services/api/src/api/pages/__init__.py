"""The pages of the api: one document each, with scripts and styles beside it, and parts that all of them share.

A page itself is public and holds no data: what it shows comes from guarded routes, with the caller's key.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from api.limits.access import PublicRoute
from api.static_files import StaticFiles

SHARED = files("api.pages") / "shared"
# Everything that a page needs comes from the api, nothing else may run on it, and no page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def router_of(folder: Traversable, path: str, parts: str) -> APIRouter:
    """Return the routes of a page.

    Args:
        folder: Its files, ``index.html`` among them.
        path: Where the page is.
        parts: Below which path its other files and the shared ones are.
    """
    served = StaticFiles([*SHARED.iterdir(), *folder.iterdir()], _POLICY)
    router = APIRouter(include_in_schema=False, route_class=PublicRoute)

    async def index(request: Request) -> Response:
        return served.respond(request, "index.html")

    async def part(request: Request, name: str) -> Response:
        return served.respond(request, name)

    router.add_api_route(path, index)
    router.add_api_route(f"{parts}/{{name}}", part)
    return router
