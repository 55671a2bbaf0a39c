"""``GET /models``: the page of the models that are served, and its files."""

from importlib.resources import files

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from api.pages import router_of

router = router_of(files("api.routes.models_page") / "page", "/models", "/models")


# Where a task has a page of its own at "/", its route comes first.
@router.get("/")
async def start(request: Request) -> Response:  # noqa: ARG001 - the framework's signature
    """Send a browser here where no task has a page."""
    return RedirectResponse("models")
