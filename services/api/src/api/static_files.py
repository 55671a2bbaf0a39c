"""Files of a page, each read once a worker, under a content security policy.

Browsers keep the files but validate them each time, so that a page never mixes the files of two releases; the answer is
nearly always an empty 304.
"""

import hashlib
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import PurePath

from fastapi import Request, Response
from starlette.exceptions import HTTPException

_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


class StaticFiles:
    """Serves files by their names.

    Args:
        files: The files; those of unknown types are left out.
        policy: The content security policy of the page.
        pages: Further files that are made at the start, by name.
    """

    def __init__(self, files: Iterable[Traversable], policy: str, pages: dict[str, bytes] | None = None) -> None:
        read = {file.name: file.read_bytes() for file in files if PurePath(file.name).suffix in _MEDIA_TYPES}
        read |= pages or {}
        self._files = {name: (body, f'"{hashlib.sha256(body).hexdigest()[:16]}"') for name, body in read.items()}
        self._headers = {
            "content-security-policy": policy,
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }

    def respond(self, request: Request, name: str) -> Response:
        """Return a file, or 304 where the client has it.

        Raises:
            HTTPException: 404, there is no such file.
        """
        if name not in self._files:
            raise HTTPException(404, "Not Found")
        body, etag = self._files[name]
        headers = {**self._headers, "etag": etag}
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {etag, "*"}:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=_MEDIA_TYPES[PurePath(name).suffix], headers=headers)
