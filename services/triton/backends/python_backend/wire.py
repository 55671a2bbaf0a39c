"""Triton's tensors to PyTorch's and back, without a copy.

Tensors travel by DLPack: the stub's own way, through NumPy, gives tensors without content under NumPy 2
(docs/decisions/0011-strings.md).
"""

from typing import Any

import torch
import triton_python_backend_utils as pb_utils
from torch.utils.dlpack import from_dlpack, to_dlpack

from python_backend.layout import to_c_order


def read_input(request: Any, name: str) -> torch.Tensor:  # noqa: ANN401 - Triton's classes have no stubs
    """Return an input; its memory is Triton's, and valid while the request is.

    Args:
        request: Triton's request.
        name: The input.
    """
    return from_dlpack(pb_utils.get_input_tensor_by_name(request, name).to_dlpack())


def make_output(name: str, tensor: torch.Tensor) -> Any:  # noqa: ANN401
    """Return Triton's tensor for an output.

    Args:
        name: The output.
        tensor: On the CPU.
    """
    return pb_utils.Tensor.from_dlpack(name, to_dlpack(to_c_order(tensor)))
