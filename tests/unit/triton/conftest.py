"""Removes ``TRITON_*`` variables: `make` sets some for every process that it starts."""

import os

import pytest


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TRITON_"):
            monkeypatch.delenv(name)
