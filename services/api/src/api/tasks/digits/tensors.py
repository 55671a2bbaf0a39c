"""The network's tensors, by the names that the trainer gives them."""

import numpy as np
from numpy.typing import NDArray

from api.inference.tensors import Tensors

INPUT, OUTPUT = "INPUT__0", "OUTPUT__0"
CLASSES = 10


def tensors_of(pixels_u8: NDArray[np.uint8]) -> Tensors:
    """Return ``(28, 28)`` pixels as the network's input, ``(1, 1, 28, 28)``."""
    return {INPUT: pixels_u8[None, None]}
