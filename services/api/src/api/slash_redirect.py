"""Redirects from a path with a slash at its end to the route without it."""

from fastapi import Response
from starlette.routing import Match, Router
from starlette.types import Receive, Scope, Send

_TEMPORARY = 307  # keeps the method and the body


class SlashRedirect:
    """Answers what no route matches: by a redirect where the path without its last slash has a route, else by 404.

    The redirect is relative. The framework's own names scheme, host and path as this server sees them, and a client
    behind a proxy would be sent from https to http, or past the proxy's prefix.

    Args:
        router: The app's.
    """

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or (location := self._location_of(scope)) is None:
            await self._router.not_found(scope, receive, send)
            return
        await Response(status_code=_TEMPORARY, headers={"location": location})(scope, receive, send)

    def _location_of(self, scope: Scope) -> str | None:
        # As it was sent: an escaped slash is part of a name. Of several slashes, clients resolve `..` differently.
        raw: str = scope.get("raw_path", b"").decode("latin-1").partition("?")[0]
        kept = raw.removesuffix("/")
        if kept == raw or not kept or kept.endswith("/"):
            return None
        known = {**scope, "path": scope["path"].removesuffix("/")}
        if all(route.matches(known)[0] is Match.NONE for route in self._router.routes):
            return None
        query: str = scope["query_string"].decode("latin-1")
        return f"../{kept.rpartition('/')[2]}{'?' if query else ''}{query}"
