"""What the routes need of the app, as annotated dependencies in one place.

Coroutines all of them: the framework runs a plain function on another thread, which costs more than the rest of it.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.coalescer import Coalescer
from api.readiness import Readiness
from api.settings import Settings


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _coalescer(request: Request) -> Coalescer:
    coalescer: Coalescer = request.app.state.coalescer
    return coalescer


async def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


SettingsDep = Annotated[Settings, Depends(_settings)]
CoalescerDep = Annotated[Coalescer, Depends(_coalescer)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
