"""What the command line of ``publish`` asks for; importing it is cheap."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Order:
    """A file to publish.

    Args:
        file: The model's file.
        inputs: ``NAME:DTYPE:DIMS``, each.
        config: A config of the user's own.
        labels: ``FILE`` or ``OUTPUT:FILE``, each.
        max_batch_size: Most rows of a batch, 0 for a model without a batch dimension; None finds out.
    """

    file: Path
    inputs: tuple[str, ...] = ()
    config: Path | None = None
    labels: tuple[str, ...] = ()
    max_batch_size: int | None = None
