"""``GET /``: the page on which to draw a digit. Three files, read once."""

from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_FOLDER = files("api") / "page"
# Everything the page needs comes from here; nothing else may run on it.
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@router.get("/")
async def index() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse((_FOLDER / "index.html").read_text(encoding="utf-8"), headers=_HEADERS)


@router.get("/page.js")
async def script() -> Response:
    """Return the page's script."""
    return Response((_FOLDER / "page.js").read_text(encoding="utf-8"), media_type="text/javascript", headers=_HEADERS)


@router.get("/page.css")
async def style() -> Response:
    """Return the page's style."""
    return Response((_FOLDER / "page.css").read_text(encoding="utf-8"), media_type="text/css", headers=_HEADERS)
