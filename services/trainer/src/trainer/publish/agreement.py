"""How far two answers of the same file may differ: sums of floats depend on the batch, the library and the device."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelrepo.probe import Tensors

# Of the largest value of the tensor: one real network differs by 1e-3 between batched rows and single ones.
MAX_DIFFERENCE = 0.01
SMALLEST = 1e-6


def difference_of(answers: Tensors, expected: Tensors) -> str | None:
    """Return what differs between two answers with the same names and shapes, or None if they agree."""
    for name, right in expected.items():
        if difference := _difference(answers[name], right):
            return f"output {name!r} {difference}"
    return None


def _difference(left: NDArray[Any], right: NDArray[Any]) -> str | None:
    if left.size == 0:
        return None
    if right.dtype.kind in "biu":
        count = int((left != right).sum())
        return f"differs in {count} of {right.size} values" if count else None
    wide_left, wide_right = left.astype(np.float64), right.astype(np.float64)
    finite = np.isfinite(wide_right)
    if not np.array_equal(wide_left[~finite], wide_right[~finite], equal_nan=True):
        return "differs in values that aren't finite"
    if not finite.any():
        return None
    limit = MAX_DIFFERENCE * float(np.abs(wide_right[finite]).max()) + SMALLEST
    difference = float(np.abs(wide_left[finite] - wide_right[finite]).max())
    # Written so that a NaN fails too.
    return None if difference <= limit else f"differs by {difference:.2g}, allowed are {limit:.2g}"
