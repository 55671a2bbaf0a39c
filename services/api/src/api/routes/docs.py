"""``GET /docs``: Swagger on the api's own description, out of the api itself.

FastAPI's page would load its scripts from another network: the page would be empty where that can't be reached, and
that network's code would run on a page into which people type their API keys.
"""

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from api.limits.access import PublicRoute

router = APIRouter(include_in_schema=False, route_class=PublicRoute)

_FILES = files("fastapi_swagger") / "resources"
_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
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


def _policy(page: bytes) -> str:
    """Return the policy under which the page's own line of script may run, and no other."""
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


_HEADERS = {
    "content-security-policy": _policy(_PAGE),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@router.get("/openapi.json")
async def description(request: Request) -> JSONResponse:
    """Return the api's description."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page() -> Response:
    """Return the page."""
    return Response(_PAGE, media_type="text/html", headers=_HEADERS)


@router.get("/docs/{name}")
async def part(name: str) -> Response:
    """Return one of the files that Swagger consists of."""
    if name not in _MEDIA_TYPES:
        raise HTTPException(404, "Not Found")
    return Response((_FILES / name).read_bytes(), media_type=_MEDIA_TYPES[name], headers={"cache-control": "no-cache"})
