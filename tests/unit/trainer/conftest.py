"""Shared by the trainer's tests: images that are quick to learn, a manifest, an environment without settings."""

import io
import os
from pathlib import Path

import pytest
import torch

from modelrepo.repository import Repository
from trainer.console import Console
from trainer.digits.contract import CONTRACT
from trainer.digits.data import Dataset, Images
from trainer.digits.manifest import DatasetRecord, DigitManifest
from trainer.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("TRAINER_", "TRITON_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads would spend more time on synchronisation than small batches take."""
    torch.set_num_threads(1)


@pytest.fixture
def console() -> Console:
    return Console(out=io.StringIO(), err=io.StringIO())


def bright_squares(count: int, seed: int) -> Images:
    """Return images with a bright square at a place given by the label: a network learns them in a few steps."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images_u8 = torch.randint(0, 40, (count, 1, 28, 28), dtype=torch.uint8, generator=generator)
    for index, label in enumerate(labels.tolist()):
        row, column = 4 + 11 * (label // 5), 2 + 5 * (label % 5)
        images_u8[index, 0, row : row + 5, column : column + 4] = 255
    return Images(images_u8, labels)


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        "mnist", "nowhere", bright_squares(200, 1), bright_squares(50, 2), bright_squares(50, 3), {"f": "00"}
    )


@pytest.fixture
def manifest(dataset: Dataset) -> DigitManifest:
    return DigitManifest(
        format="onnx",
        created="2026-01-02T03:04:05+00:00",
        validation_accuracy=0.9950,
        test_accuracy=0.9960,
        dataset=DatasetRecord.of(dataset),
        seed=1,
        epochs=2,
        batch_size=64,
        training_s=1.0,
        device="cpu",
        parameters=10,
        libraries={},
        contract=CONTRACT,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", "mnist_cnn")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        model_repository=tmp_path / "repository",
        dataset="digits",
        epochs=1,
        batch_size=64,
        min_accuracy=0.0,
        threads=1,
        train_limit=200,
        # The discard port: nothing listens there.
        triton_url="127.0.0.1:9",
    )
