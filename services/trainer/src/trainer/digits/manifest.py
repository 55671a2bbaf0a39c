"""The record of a trained digit model: what it was trained on, how, and how accurate it is."""

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from modelrepo.manifest import Manifest

if TYPE_CHECKING:
    # Not at run time: `list` reads manifests, and this would import PyTorch.
    from trainer.digits.data import Dataset

LIBRARIES = ("torch", "numpy", "onnx", "onnxruntime", "pillow", "scikit-learn")


class DatasetRecord(BaseModel):
    """The images that a version was trained and judged on."""

    model_config = ConfigDict(frozen=True)

    name: str
    train_images: int
    validation_images: int
    test_images: int
    sha256: dict[str, str]

    @classmethod
    def of(cls, dataset: "Dataset") -> "DatasetRecord":
        """Describe ``dataset``."""
        return cls(
            name=dataset.name,
            train_images=len(dataset.train),
            validation_images=len(dataset.validation),
            test_images=len(dataset.test),
            sha256=dataset.sha256,
        )

    def is_comparable(self, dataset: "Dataset") -> bool:
        """Tell whether accuracies on ``dataset`` are measured on the same images as this version's."""
        return (self.sha256, self.validation_images) == (dataset.sha256, len(dataset.validation))


class Calibration(BaseModel):
    """How well a version's confidence tells the share of right answers; method: ``trainer.digits.temperature``."""

    model_config = ConfigDict(frozen=True)

    temperature: float = Field(description="What the logits were divided by; it is part of the published file.")
    validation_ece: float = Field(description="Expected calibration error (0–1) on the validation images.")
    photographs: int = Field(description="Number of photographs made of validation images.")
    photographs_accuracy: float = Field(description="Share of them classified correctly.")
    photographs_ece: float = Field(description="Expected calibration error (0–1) on them.")


class DigitManifest(Manifest):
    """One version's record, with the training that it came from."""

    validation_accuracy: float = Field(
        ge=0, le=1, description="Share of validation images classified correctly; the accuracy gate compares it."
    )
    test_accuracy: float = Field(
        ge=0, le=1, description="Share of test images classified correctly; reported, decides nothing."
    )
    calibration: Calibration | None = Field(None, description="Missing in versions older than the calibration.")
    dataset: DatasetRecord
    drawn_images: int = Field(0, description="Drawn digits that were added to the training images.")
    non_digit_images: int = Field(0, description="Shapes that are no digit, added to the training images.")
    seed: int
    epochs: int
    batch_size: int
    training_s: float = Field(description="Wall-clock seconds of the training.")
    device: str
    parameters: int = Field(description="Learned values.")
    libraries: dict[str, str]


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that the weights depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
