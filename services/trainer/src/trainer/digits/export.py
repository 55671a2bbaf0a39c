"""The network as one file that Triton can load, compared with the network before it is published."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS, FormatName
from trainer.digits import onnx_graph, torchscript
from trainer.digits.evaluate import log_probabilities
from trainer.errors import ExportMismatch
from trainer.settings import FormatChoice

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


def choose_format(choice: FormatChoice, device: str) -> FormatName:
    """Return the format to publish.

    A batch of one takes ONNX Runtime less than a third of the time that TorchScript takes on a CPU; on a GPU Triton's
    libtorch backend runs TorchScript natively (docs/decisions/0005-onnx-on-cpus.md).

    Args:
        choice: The setting.
        device: Type of the device that the network was trained on; serving is assumed to use the same type.
    """
    if choice != "auto":
        return choice
    return "torchscript" if device == "cuda" else "onnx"


def export(network: nn.Module, images_u8: Tensor, name: FormatName) -> bytes:
    """Turn the network into a file, and check that it gives the same answers.

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
    """Return the exported network on the CPU, as Triton loads it.

    Raises:
        RepositoryDamaged: ``data`` isn't a file of that format.
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
