"""Liveness, which asks nobody, and readiness, which asks the model."""

from fastapi import APIRouter

from api.routes.dependencies import ReadinessDep, SettingsDep
from api.routes.failures import NOT_READY
from api.schemas import Live, Ready
from api.tasks.digits.examples import READY, json_of

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process alive?")
async def live() -> Live:
    """Answer without asking Triton: a Triton that is away is no reason to restart the api."""
    return Live()


@router.get(
    "/ready", summary="Does the model really answer?", responses={200: {"content": json_of(READY)}, **NOT_READY}
)
async def ready(readiness: ReadinessDep, settings: SettingsDep) -> Ready:
    """Say what came of the last canary inference (kept for half a second), or that the api is about to stop."""
    return Ready(model=settings.model_name, model_version=await readiness.check())
