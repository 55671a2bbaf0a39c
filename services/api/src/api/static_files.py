"""The files of a page under a content security policy.

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
    """Serves files by their names; each is read when it is first asked for.

    Args:
        files: The files; those of unknown types are left out.
        policy: The content security policy of the page.
        pages: Further files that are made at the start, by name.
    """

    def __init__(self, files: Iterable[Traversable], policy: str, pages: dict[str, bytes] | None = None) -> None:
        self._unread = {file.name: file for file in files if PurePath(file.name).suffix in _MEDIA_TYPES}
        self._read = {name: (body, _etag_of(body)) for name, body in (pages or {}).items()}
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
        if name in self._unread:
            body = self._unread.pop(name).read_bytes()
            self._read[name] = (body, _etag_of(body))
        if name not in self._read:
            raise HTTPException(404, "Not Found")
        body, etag = self._read[name]
        headers = {**self._headers, "etag": etag}
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {etag, "*"}:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=_MEDIA_TYPES[PurePath(name).suffix], headers=headers)


def _etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'
