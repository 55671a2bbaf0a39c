"""Routes that skip the framework's handling of requests, where its cost counts."""

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request, reads its body itself, and returns a response.

    The framework's own handling, which solves dependencies, validates and serialises, takes longer than an answer.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse its method."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        response: Response = await self.endpoint(Request(scope, receive))
        await response(scope, receive, send)
