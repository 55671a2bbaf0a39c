"""What stands beside every published model: where it comes from, how good it is, and the checksum of its file."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trainer.data import Dataset
from trainer.formats import FormatName
from trainer.network import CLASSES, IMAGE_PX, INPUT_NAME, OUTPUT_NAME

LIBRARIES = ("torch", "numpy", "onnx", "onnxruntime", "scikit-learn")
CONTRACT = {
    "input": {"name": INPUT_NAME, "dtype": "UINT8", "shape": [-1, 1, IMAGE_PX, IMAGE_PX], "what": "white on black"},
    "output": {"name": OUTPUT_NAME, "dtype": "FP32", "shape": [-1, CLASSES], "what": "log-probabilities"},
}


class DatasetRecord(BaseModel):
    """Which images a version learned from and was judged on."""

    model_config = ConfigDict(frozen=True)

    name: str
    train_images: int
    validation_images: int
    test_images: int
    sha256: dict[str, str]

    @classmethod
    def of(cls, dataset: Dataset) -> "DatasetRecord":
        """Describe ``dataset``."""
        return cls(
            name=dataset.name,
            train_images=len(dataset.train),
            validation_images=len(dataset.validation),
            test_images=len(dataset.test),
            sha256=dataset.sha256,
        )

    def is_comparable(self, dataset: Dataset) -> bool:
        """Tell whether accuracies on ``dataset`` are measured on the same images as this version's."""
        return (self.sha256, self.validation_images) == (dataset.sha256, len(dataset.validation))


class Manifest(BaseModel):
    """One version's record. ``version``, ``previous`` and ``sha256`` are filled in when it is published."""

    model_config = ConfigDict(frozen=True)

    version: int = Field(0, description="The version's number.")
    previous: int | None = Field(None, description="The version that was served before, and that a rollback goes to.")
    sha256: str = Field("", description="SHA-256 of the model's file.")
    format: FormatName = Field("torchscript", description="What kind of file it is; the oldest manifests don't say.")
    max_batch_size: int = Field(128, ge=1, description="Most images in one of Triton's batches.")
    created: str = Field(description="When it was trained, UTC, ISO 8601.")
    validation_accuracy: float = Field(
        ge=0, le=1, description="Share of validation images told right; the gate's figure."
    )
    test_accuracy: float = Field(ge=0, le=1, description="Share of test images told right; reported, decides nothing.")
    dataset: DatasetRecord
    seed: int
    epochs: int
    batch_size: int
    training_s: float = Field(description="Wall-clock seconds of the training.")
    device: str
    parameters: int = Field(description="Learned values.")
    libraries: dict[str, str]
    contract: dict[str, Any]


def now() -> str:
    """Return the time as the manifest has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def library_versions() -> dict[str, str]:
    """Return the versions of what the weights depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
