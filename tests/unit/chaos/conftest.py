"""A template repository, and scenarios whose stack does not start."""

import contextlib
from pathlib import Path

import pytest

from chaos.scenario import Scenario
from chaos.stack import MODEL


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A folder like a model repository; the runner copies it without reading it."""
    version = tmp_path / "template" / MODEL / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text("config")
    (version / "model.onnx").write_bytes(b"model")
    return tmp_path / "template"


@pytest.fixture
def no_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scenario, "running", lambda _self: contextlib.nullcontext())
