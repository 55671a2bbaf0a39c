"""A model's file as publishing sees it: its tensors, and its answers on this machine."""

from typing import NamedTuple, Protocol

import numpy as np

from modelrepo.contract import Datatype, TensorSpec
from modelrepo.formats import FormatName
from modelrepo.probe import Tensors

# By the name that NumPy and ml_dtypes give a type. BYTES is missing: the backends of the wheel serve no strings.
DATATYPES: dict[str, Datatype] = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
}


class Declared(NamedTuple):
    """An output as the file declares it.

    Args:
        name: Its name.
        shape: Its sides, -1 for any length; None if the file doesn't say.
    """

    name: str
    shape: tuple[int, ...] | None


class ModelFile(Protocol):
    """An ONNX or TorchScript file that is loaded.

    Attributes:
        format: Its format.
        data: Its content, complete in one file.
        inputs: What it takes, each with the first dimension, -1 for any length.
        outputs: What it returns, as far as the file says.
    """

    format: FormatName
    data: bytes
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[Declared, ...]

    def run(self, inputs: Tensors) -> Tensors:
        """Return the answers by the outputs' names.

        Raises:
            RunFailed: The file refuses these inputs.
        """
        ...


class RunFailed(Exception):
    """The file refuses an input."""


def datatype_of(dtype: np.dtype[np.generic]) -> Datatype:
    """Return the protocol's name of a type in ``DATATYPES``."""
    return DATATYPES[dtype.name]


def first_line(error: BaseException, most: int = 300) -> str:
    """Return a library's message in one line."""
    return " ".join(str(error).split())[:most]
