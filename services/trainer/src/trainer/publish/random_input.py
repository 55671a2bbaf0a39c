"""Random inputs for a file of which only the tensors are known; the same ones in every call."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from modelrepo.contract import TensorSpec
from modelrepo.model_config import INDEX_DTYPES
from modelrepo.probe import Tensors
from trainer.publish.model_file import DATATYPES, ModelFile, RunFailed

# For inputs of variable length, in this order: short, then those that networks for images need.
SIDES = (4, 32, 224, 1)
# Integers are often indices: first of a large table, then of a small one, then none but 0.
HIGHEST = (100, 2, 1)
Fill = Literal["random", "warm-up"]


def run_on_some(file: ModelFile, rows: int | None) -> tuple[Tensors, Tensors]:
    """Run the file on the first random inputs that it accepts.

    Args:
        file: The file.
        rows: Length of the first dimension; None leaves it to the inputs.

    Returns:
        The inputs and the outputs.

    Raises:
        RunFailed: It accepts none; the message is that of the first.
    """
    first: RunFailed | None = None
    for inputs in _candidates(file.inputs, rows):
        try:
            return inputs, file.run(inputs)
        except RunFailed as exc:
            first = first or exc
    raise first or RunFailed("it has no input")


def accepts_warm_up(file: ModelFile, rows: int | None) -> bool:
    """Tell whether the file runs on what Triton's warm-up sends: zeros for integers that may be indices."""
    inputs = {spec.name: make(spec, rows, SIDES[0], 1 if spec.dtype in INDEX_DTYPES else 2**7) for spec in file.inputs}
    try:
        file.run(inputs)
    except RunFailed:
        return False
    return True


def make(spec: TensorSpec, rows: int | None, side: int, highest: int) -> NDArray[Any]:
    """Return a random array for an input.

    Args:
        spec: The input.
        rows: Length of the first dimension, or None.
        side: Length of dimensions of variable length.
        highest: Integers are below this.
    """
    shape = [side if length < 0 else length for length in spec.shape]
    if rows is not None:
        shape[0] = rows
    generator = np.random.default_rng(0)
    if spec.dtype == "BOOL":
        return np.asarray(generator.random(shape) < 0.5)  # noqa: PLR2004  half of them
    if spec.dtype.startswith(("INT", "UINT")):
        return np.asarray(generator.integers(0, highest, shape), spec.dtype.lower())
    names = {datatype: name for name, datatype in DATATYPES.items()}
    return np.asarray(generator.random(shape), ml_dtypes.bfloat16 if spec.dtype == "BF16" else names[spec.dtype])


def _candidates(specs: Sequence[TensorSpec], rows: int | None) -> Iterator[Tensors]:
    is_variable = any(length < 0 for spec in specs for length in (spec.shape if rows is None else spec.shape[1:]))
    has_integers = any("INT" in spec.dtype for spec in specs)
    for side, highest in product(SIDES if is_variable else SIDES[:1], HIGHEST if has_integers else HIGHEST[:1]):
        yield {spec.name: make(spec, rows, side, highest) for spec in specs}
