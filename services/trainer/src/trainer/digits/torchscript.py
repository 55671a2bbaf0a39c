"""TorchScript, frozen: the format of Triton's libtorch backend, for CPU and CUDA alike."""

import contextlib
import io
import warnings
from collections.abc import Iterator

import torch
from torch import nn

LOAD_ERRORS = (RuntimeError,)


def dump(network: nn.Module) -> bytes:
    """Return the content of ``model.pt``.

    Freezing folds each batch norm into its convolution. Only plain ATen operators remain and no constant names
    a device, so that the file runs on CPU and CUDA alike.

    Args:
        network: On the CPU, in evaluation mode.
    """
    buffer = io.BytesIO()
    with _undeprecated():
        torch.jit.save(torch.jit.freeze(torch.jit.script(network)), buffer)
    return buffer.getvalue()


def load(data: bytes) -> nn.Module:
    """Return the network in a ``model.pt``, on the CPU."""
    with _undeprecated():
        loaded: nn.Module = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]
    return loaded


@contextlib.contextmanager
def _undeprecated() -> Iterator[None]:
    # TorchScript is deprecated in favour of torch.export, which Triton's libtorch backend doesn't read.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
        yield
