"""The ``TRAINER_*`` variables; one frozen object a process."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from modelrepo.formats import FormatName
from modelrepo.names import NAME_PATTERN

DatasetChoice = Literal["auto", "mnist", "digits"]
DeviceChoice = Literal["auto", "cpu", "cuda"]
FormatChoice = Literal["auto", FormatName]


def default_cache_dir() -> Path:
    """Return the folder in which this platform keeps a user's cached downloads."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mnist-trainer"


class Settings(BaseSettings):
    """The trainer's settings. Each is read once, at start; flags of the command line override variables."""

    model_config = SettingsConfigDict(
        env_prefix="TRAINER_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    data_dir: Path | None = Field(
        None,
        description="Folder with MNIST's four IDX files, gzipped or plain; it is read before anything is downloaded.",
    )
    dataset: DatasetChoice = Field(
        "auto",
        description="`mnist`, `digits` (scikit-learn's, bundled), or `auto`: MNIST if available, else digits.",
    )
    cache_dir: Path = Field(
        default_factory=default_cache_dir, description="Folder for downloads; the platform's cache folder unless set."
    )
    mirrors: Annotated[tuple[str, ...], NoDecode] = Field(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        min_length=1,
        description="Addresses, separated by commas, of folders with MNIST's files; tried in order.",
    )
    download_timeout_s: float = Field(
        15.0, gt=0, le=600, description="Seconds without data after which the next mirror is tried."
    )

    model_repository: Path = Field(Path("model_repository"), description="Triton's model repository.")
    model_name: str = Field(
        "mnist_cnn",
        pattern=NAME_PATTERN,
        description="The model's name and folder in the repository.",
    )

    epochs: int = Field(20, ge=1, le=1000, description="Passes over the training images; more in a small data set.")
    batch_size: int = Field(256, ge=8, le=8192, description="Images a training step.")
    seed: int = Field(
        1, ge=0, le=2**32 - 1, description="Seed of weights, order and augmentation; the split has its own."
    )
    device: DeviceChoice = Field("auto", description="Device to train on; `auto` takes CUDA if PyTorch finds a device.")
    threads: int = Field(0, ge=0, le=1024, description="CPU threads to train with; 0 takes every usable core.")
    train_limit: int = Field(0, ge=0, le=1_000_000, description="Most images to train on, for quick runs; 0 takes all.")
    validation_images: int = Field(
        5000, ge=10, le=20_000, description="Training images held out for the accuracy gate; a sixth of them at most."
    )

    min_accuracy: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least validation accuracy (0–1) to publish; unset: 0.99 on mnist, 0.95 on digits.",
    )
    max_accuracy_drop: float = Field(
        0.003,
        ge=0,
        le=1,
        description="How far validation accuracy (0–1) may lie below the published version's, on the same data set.",
    )
    format: FormatChoice = Field(
        "auto",
        description="Format to publish: `onnx` (faster on CPUs), `torchscript`, or `auto`: TorchScript after "
        "a training on CUDA, else ONNX.",
    )
    max_batch_size: int = Field(128, ge=1, le=4096, description="Most images that Triton puts into one batch.")

    triton_url: str = Field(
        "127.0.0.1:8001",
        min_length=1,
        validation_alias=AliasChoices("TRAINER_TRITON_URL", "TRITON_SERVER_URL", "triton_url"),
        description="Triton's gRPC address, `host:port`, or a list such as `ipv4:10.0.0.1:8001,10.0.0.2:8001`; a "
        "version is loaded at every address behind the name, or in the list. `TRITON_SERVER_URL` is read too.",
    )
    triton_admin_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("TRAINER_TRITON_ADMIN_KEY", "TRITON_ADMIN_KEY", "triton_admin_key"),
        description="Key of Triton's repository API. `TRITON_ADMIN_KEY` is read too.",
    )
    triton_admin_key_file: Path | None = Field(
        None,
        validation_alias=AliasChoices(
            "TRAINER_TRITON_ADMIN_KEY_FILE", "TRITON_ADMIN_KEY_FILE", "triton_admin_key_file"
        ),
        description="File with that key, read when it is needed. `TRITON_ADMIN_KEY_FILE` is read too.",
    )
    triton_tls_ca_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("TRAINER_TRITON_TLS_CA_FILE", "TRITON_TLS_CA_FILE", "triton_tls_ca_file"),
        description="CAs in PEM that Triton's certificate is checked against; setting it turns TLS on. "
        "`TRITON_TLS_CA_FILE` is read too.",
    )
    triton_tls_cert_file: Path | None = Field(None, description="Client certificate, if Triton requires one.")
    triton_tls_key_file: Path | None = Field(None, description="Private key of the client certificate.")
    metrics_file: Path | None = Field(
        None,
        description="File, such as `/var/lib/node-exporter/trainer.prom`, for metrics of the last run in Prometheus' "
        "text format; its folder is node-exporter's `--collector.textfile.directory`.",
    )
    load_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="Seconds that one Triton has to load a version and to be ready."
    )

    @field_validator("mirrors", mode="before")
    @classmethod
    def _split_mirrors(cls, value: object) -> object:
        """Turn ``a,b`` into a tuple; pydantic-settings would expect JSON."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    def admin_key(self) -> str | None:
        """Return the key of Triton's repository API, or None if none is set.

        A key file that doesn't exist counts as no key: the launcher may write it only when Triton starts.

        Raises:
            OSError: The file exists and can't be read.
        """
        if self.triton_admin_key is not None:
            return self.triton_admin_key.get_secret_value().strip() or None
        if self.triton_admin_key_file is None or not self.triton_admin_key_file.exists():
            return None
        return self.triton_admin_key_file.read_text(encoding="utf-8").strip() or None
