"""``GET /docs``: Swagger UI on the api's own description, served by the api itself.

FastAPI's page would load its scripts from another network: the page would be empty where that can't be reached, and
that network's code would run on a page into which people type their API keys.
"""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import JSONResponse

from api.limits.access import PublicRoute
from api.static_files import StaticFiles

router = APIRouter(include_in_schema=False, route_class=PublicRoute)

# Relative, so that the page works under a path of a proxy too.
_PAGE = bytes(
    get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Inference API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon-32x32.png",
    ).body
)
_RESOURCES = files("fastapi_swagger") / "resources"
_NAMES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")


def _policy(page: bytes) -> str:
    """Return the policy under which the page's own line of script may run, and no other."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


_FILES = StaticFiles([_RESOURCES / name for name in _NAMES], _policy(_PAGE), {"index.html": _PAGE})


@router.get("/openapi.json")
async def description(request: Request) -> JSONResponse:
    """Return the api's description."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page(request: Request) -> Response:
    """Return the page."""
    return _FILES.respond(request, "index.html")


@router.get("/docs/{name}")
async def part(request: Request, name: str) -> Response:
    """Return one of the files of Swagger UI."""
    return _FILES.respond(request, name)
