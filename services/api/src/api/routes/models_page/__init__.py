"""``GET /models``: the page of the models that are served, and its files.

The page itself is public and shows nothing by itself: what it shows comes from guarded routes, with the caller's key.
"""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from api.limits.access import PublicRoute
from api.static_files import StaticFiles

router = APIRouter(include_in_schema=False, route_class=PublicRoute)

# Everything that the page needs comes from the api, nothing else may run on it, and no page may frame it.
_FILES = StaticFiles(
    (files("api.routes.models_page") / "page").iterdir(),
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
)


@router.get("/models")
async def index(request: Request) -> Response:
    """Return the page."""
    return _FILES.respond(request, "index.html")


@router.get("/models/{name}")
async def part(request: Request, name: str) -> Response:
    """Return a script, the style or the icon."""
    return _FILES.respond(request, name)
