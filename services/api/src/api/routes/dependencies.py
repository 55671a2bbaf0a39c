"""What the routes need of the app, as annotated dependencies in one place.

Coroutines all of them: the framework runs a plain function on another thread, which costs more than the rest of it.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.inference.batcher import MicroBatcher
from api.inference.readiness import Readiness
from api.settings import Settings


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _coalescer(request: Request) -> MicroBatcher:
    batcher: MicroBatcher = request.app.state.batcher
    return batcher


async def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


SettingsDep = Annotated[Settings, Depends(_settings)]
CoalescerDep = Annotated[MicroBatcher, Depends(_coalescer)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
