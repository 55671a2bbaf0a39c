"""Liveness, which asks no other process, and readiness, which asks the models."""

from fastapi import APIRouter, Request

from api import failures
from api.limits.access import PublicRoute
from api.schemas import Live, Ready
from api.settings import Settings


def router_of(settings: Settings) -> APIRouter:
    """Return the routes, described with the settings' limits."""
    router = APIRouter(prefix="/health", tags=["health"], route_class=PublicRoute)

    @router.get("/live", summary="Is the process alive?")
    async def live() -> Live:
        """Answer without asking Triton: a Triton that is away is no reason to restart the api."""
        return Live()

    example = {
        "status": "ready",
        "model": settings.model_name,
        "model_version": "1",
        "models": {settings.model_name: "1"},
    }
    responses = {
        200: {"content": {"application/json": {"example": example}}},
        **failures.describe(settings, *failures.OF_READINESS),
    }

    @router.get("/ready", summary="Do the models really answer?", responses=responses)
    async def ready(request: Request) -> Ready:
        """Say how the last canary inferences ended (kept for half a second), or that the api is about to stop."""
        versions: dict[str, str] = await request.app.state.readiness.check()
        model, version = next(iter(versions.items()), ("", ""))
        return Ready(model=model, model_version=version, models=versions)

    return router
