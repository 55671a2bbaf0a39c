"""Finds out whether a model's first dimension is a batch dimension, by running rows together and alone."""

from typing import NamedTuple

import numpy as np

from modelrepo.contract import VARIABLE
from modelrepo.probe import Tensors
from trainer.errors import ModelFileRefused
from trainer.publish.agreement import difference_of
from trainer.publish.model_file import ModelFile, RunFailed
from trainer.publish.random_input import run_on_some

ROWS = 2


class Trial(NamedTuple):
    """A run of the file.

    Args:
        inputs: What it was given.
        outputs: What it answered.
        reason: Why the first dimension is no batch dimension; empty if it is one.
    """

    inputs: Tensors
    outputs: Tensors
    reason: str

    @property
    def batched(self) -> bool:
        """Whether the first dimension is a batch dimension."""
        return not self.reason


def try_out(file: ModelFile, name: str, *, batched: bool | None = None) -> Trial:
    """Run the file, with two rows and with each of them alone if it may have a batch dimension.

    Args:
        file: The file.
        name: Its name in messages.
        batched: What the user says about it; None finds out.

    Raises:
        ModelFileRefused: It can't be run on random input, or isn't what the user says.
    """
    trial = None if batched is False else _try_rows(file)
    if isinstance(trial, Trial):
        return trial
    if batched:
        raise ModelFileRefused(f"{name} has no batch dimension ({trial}), so its largest batch must be 0")
    try:
        inputs, outputs = run_on_some(file, None)
    except RunFailed as exc:
        raise ModelFileRefused(
            f"{name} can't be run on random input ({exc}); give lengths that it accepts as --input NAME:DTYPE:DIMS"
        ) from exc
    return Trial(inputs, outputs, trial or "as you said")


def _try_rows(file: ModelFile) -> Trial | str:
    """Return the run of two rows, or why the first dimension is no batch dimension."""
    for spec in file.inputs:
        if not spec.shape or spec.shape[0] != VARIABLE:
            return f"input {spec.name!r} has shape {list(spec.shape)}"
    try:
        inputs, together = run_on_some(file, ROWS)
    except RunFailed as exc:
        return f"two rows can't be run: {exc}"
    try:
        alone = [file.run({key: array[row : row + 1] for key, array in inputs.items()}) for row in range(ROWS)]
    except RunFailed as exc:
        return f"a single row can't be run: {exc}"
    for key, answer in together.items():
        rows = [each[key] for each in alone]
        if answer.ndim == 0 or answer.shape[0] != ROWS or any(row.shape != (1, *answer.shape[1:]) for row in rows):
            return f"output {key!r} has shape {list(answer.shape)} for {ROWS} rows of input"
    if difference := difference_of({key: np.concatenate([each[key] for each in alone]) for key in together}, together):
        return f"rows change one another's answers: {difference}"
    return Trial(inputs, together, "")
