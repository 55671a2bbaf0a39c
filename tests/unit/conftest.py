"""Unit tests see none of the settings that the person who runs them has made."""

import os

import pytest

PREFIXES = ("API_", "TRITON_", "TRAINER_", "LOADGEN_", "OTEL_")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
