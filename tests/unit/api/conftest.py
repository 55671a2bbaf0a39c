"""The app around a fake backend, without sockets."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.unit.api.fakes import FakeClient


@pytest.fixture
def backend() -> FakeClient:
    return FakeClient()


@pytest.fixture
def settings() -> Settings:
    return Settings(ready_ttl_s=0)


@pytest.fixture
def open_client(backend: FakeClient) -> Callable[[Settings], Any]:
    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings, client=backend)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as c:
            try:
                yield c
            finally:
                backend.gate.set()  # a test that failed before it did would wait here for ever

    return opened


@pytest.fixture
async def client(open_client: Any, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(settings) as opened:
        yield opened
