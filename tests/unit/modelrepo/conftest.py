"""A model that no service knows: two inputs, one of variable length, and two outputs."""

import io
from pathlib import Path

import pytest

from modelrepo.contract import Contract, TensorSpec
from modelrepo.manifest import Manifest
from modelrepo.repository import Repository


class Lines:
    """Keeps what would be shown to the user."""

    def __init__(self) -> None:
        self.items, self.warnings = io.StringIO(), io.StringIO()

    def item(self, name: str, text: str) -> None:
        self.items.write(f"{name} {text}\n")

    def warning(self, text: str) -> None:
        self.warnings.write(f"{text}\n")


@pytest.fixture
def reporter() -> Lines:
    return Lines()


@pytest.fixture
def contract() -> Contract:
    return Contract(
        inputs=(
            TensorSpec(name="tokens", dtype="INT64", shape=(-1, -1)),
            TensorSpec(name="weights", dtype="FP32", shape=(-1, 4)),
        ),
        outputs=(
            TensorSpec(name="scores", dtype="FP32", shape=(-1, 3)),
            TensorSpec(name="label", dtype="BYTES", shape=(-1, 1)),
        ),
    )


@pytest.fixture
def manifest(contract: Contract) -> Manifest:
    return Manifest(format="onnx", created="2026-01-02T03:04:05+00:00", contract=contract)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", "my_model")
