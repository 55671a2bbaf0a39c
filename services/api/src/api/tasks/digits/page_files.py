"""``GET /``: the page on which to draw a digit, and its files.

Each file is read once a worker. Browsers keep the files but validate them each time, so that a page never mixes the
files of two releases; the answer is nearly always an empty 304.
"""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.limits.access import PublicRoute

router = APIRouter(include_in_schema=False, route_class=PublicRoute)

_INDEX = "index.html"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Everything that the page needs comes from the api, nothing else may run on it, and no page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class _File(NamedTuple):
    body: bytes
    media_type: str
    etag: str


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """Return the page."""
    return _respond(request, _INDEX)


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
async def part(request: Request, name: str) -> Response:
    """Return a script, the style or the icon."""
    return _respond(request, name)


def _respond(request: Request, name: str) -> Response:
    file = _read().get(name)
    if file is None:
        raise HTTPException(404, "Not Found")
    headers = {**_HEADERS, "etag": file.etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {file.etag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


@cache
def _read() -> dict[str, _File]:
    """Return every file of the page by its name."""
    read = {}
    for entry in (files("api.tasks.digits") / "page").iterdir():
        media_type = _MEDIA_TYPES.get(PurePath(entry.name).suffix)
        if media_type is not None:
            body = entry.read_bytes()
            read[entry.name] = _File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return read
