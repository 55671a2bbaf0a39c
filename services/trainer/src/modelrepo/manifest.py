"""The record beside every published model: its format, its tensors, its checksum, and the version before it."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from modelrepo.contract import Contract
from modelrepo.formats import FormatName


class Manifest(BaseModel):
    """One version's record; subclasses add what is particular to a kind of model.

    ``version``, ``previous`` and ``sha256`` are filled in when the version is published. ``config.pbtxt`` follows from
    these fields alone.
    """

    model_config = ConfigDict(frozen=True)

    version: int = Field(0, description="The version's number.")
    previous: int | None = Field(None, description="The version that was served before; the target of a rollback.")
    sha256: str = Field("", description="SHA-256 of the model's file.")
    format: FormatName = Field("torchscript", description="Format of the file; the oldest manifests lack this field.")
    max_batch_size: int = Field(
        128, ge=0, description="Most rows in one of Triton's batches; 0: the model has no batch dimension."
    )
    warm_up: bool = Field(
        True, description="Whether Triton runs the model on random or zero inputs before it is ready."
    )
    config: str = Field(
        "", description="Fields of ``config.pbtxt`` that don't follow from the others: threads, instances, batching."
    )
    created: str = Field(description="When the model was made, UTC, ISO 8601.")
    contract: Contract


def now() -> str:
    """Return the present time in the manifest's form."""
    return datetime.now(UTC).isoformat(timespec="seconds")
