"""The network as one file that Triton can load, checked before anybody gets to see it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer import onnx_graph, torchscript
from trainer.errors import ExportMismatch, RepositoryDamaged
from trainer.evaluate import log_probabilities
from trainer.formats import FORMATS, FormatName

# Folding the batch norms reorders float32 sums; measured differences are near 1e-5.
MAX_DIFFERENCE = 1e-3
CPU = torch.device("cpu")


class _Codec(NamedTuple):
    dump: Callable[[nn.Module], bytes]
    load: Callable[[bytes], nn.Module]
    load_errors: tuple[type[Exception], ...]


_CODECS: dict[FormatName, _Codec] = {
    "onnx": _Codec(onnx_graph.dump, onnx_graph.load, onnx_graph.LOAD_ERRORS),
    "torchscript": _Codec(torchscript.dump, torchscript.load, torchscript.LOAD_ERRORS),
}


def export(network: nn.Module, images_u8: Tensor, name: FormatName) -> bytes:
    """Turn the network into a file, and check that it still says the same.

    Args:
        network: Trained; moved to the CPU and to evaluation mode.
        images_u8: (N, 1, 28, 28) uint8, real images to compare on.
        name: The file's format.

    Returns:
        The file's content.

    Raises:
        ExportMismatch: A label differs, or a log-probability by more than 1e-3.
    """
    network = network.to(CPU, torch.float32).eval()
    data = _CODECS[name].dump(network)
    check_equal(network, load(data, name), images_u8)
    return data


def load(data: bytes, name: FormatName) -> nn.Module:
    """Return the exported network on the CPU, as Triton will see it.

    Raises:
        RepositoryDamaged: It is no file of that format.
    """
    codec = _CODECS[name]
    try:
        return codec.load(data)
    except codec.load_errors as exc:
        raise RepositoryDamaged(f"{FORMATS[name].file} can't be loaded: {exc}") from exc


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
