"""The network as one file that Triton can load: TorchScript, frozen, and checked before anybody gets to see it."""

import io
import warnings

import torch
from torch import Tensor, nn

from trainer.errors import ExportMismatch
from trainer.evaluate import log_probabilities

MODEL_FILE = "model.pt"
# Folding the batch norms reorders float32 sums; measured differences are near 1e-5.
MAX_DIFFERENCE = 1e-3
CPU = torch.device("cpu")


def export(network: nn.Module, images_u8: Tensor) -> bytes:
    """Freeze the network into TorchScript, and check that it still says the same.

    Freezing folds each batch norm into its convolution. Only plain ATen operators are left, no constant names a
    device, so that the file runs on CPU and CUDA alike.

    Args:
        network: Trained; moved to the CPU and to evaluation mode.
        images_u8: (N, 1, 28, 28) uint8, real images to compare on.

    Returns:
        The content of ``model.pt``.

    Raises:
        ExportMismatch: A label differs, or a log-probability by more than 1e-3.
    """
    network = network.to(CPU, torch.float32).eval()
    with warnings.catch_warnings():
        # TorchScript is deprecated in favour of torch.export, which Triton's libtorch backend doesn't read.
        warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
        frozen = torch.jit.freeze(torch.jit.script(network))
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    data = buffer.getvalue()
    check_equal(network, load(data), images_u8)
    return data


def load(data: bytes) -> nn.Module:
    """Return the exported network on the CPU, as Triton will see it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
        loaded: nn.Module = torch.jit.load(io.BytesIO(data), map_location=CPU)  # type: ignore[no-untyped-call]
    return loaded


def check_equal(network: nn.Module, exported: nn.Module, images_u8: Tensor) -> float:
    """Compare two networks on real images, in batches and one by one.

    Returns:
        The largest absolute difference of a log-probability.

    Raises:
        ExportMismatch: A label differs, or a log-probability by more than 1e-3.
    """
    expected = log_probabilities(network, images_u8, CPU)
    answers = log_probabilities(exported, images_u8, CPU)
    single = log_probabilities(exported, images_u8[:1], CPU)
    difference = max(float((expected - answers).abs().max()), float((expected[:1] - single).abs().max()))
    changed = int((expected.argmax(1) != answers.argmax(1)).sum())
    # Written so that a NaN fails too.
    if changed or not difference <= MAX_DIFFERENCE:
        raise ExportMismatch(
            f"the exported file differs by up to {difference:.2g} and in {changed} of {len(images_u8)} labels"
        )
    return difference
