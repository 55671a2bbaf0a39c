"""The published model in both formats, and what it answers to the images.

    python -m bench.convert VERSION_FOLDER IMAGES.npy OUT_FOLDER

Writes ``model.onnx``, ``model.pt`` (one of them is the published file as it is) and ``reference.json`` (ten
probabilities an image) to OUT_FOLDER. A process of its own, so that the measuring process doesn't load PyTorch.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from trainer.digits import onnx_graph, torchscript
from trainer.digits.network import DigitNetwork

# Between two exact implementations of the same float32 sums.
MAX_DIFFERENCE = 1e-3


def torchscript_of(data: bytes) -> bytes:
    """Return ``model.pt`` as the trainer would have published it, from the weights in a ``model.onnx``."""
    graph = onnx.load_from_string(data).graph
    values = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    network = DigitNetwork().eval()
    layers = {kind: [m for m in network.modules() if isinstance(m, kind)] for kind in (nn.Conv2d, nn.BatchNorm2d)}
    blocks = zip(*layers.values(), strict=True)
    with torch.inference_mode():
        for node in graph.node:
            if node.op_type == "Identity":  # the exporter keeps equal tensors once
                values[node.output[0]] = values[node.input[0]]
            elif node.op_type == "Conv":
                convolution, norm = next(blocks)
                convolution.weight.copy_(values[node.input[1]])
                # The norm was folded into the convolution: what is left of it is a bias.
                norm.running_var.fill_(1 - norm.eps)
                norm.bias.copy_(values[node.input[2]])
            elif node.op_type == "Gemm":
                network.classifier.weight.copy_(values[node.input[1]])
                network.classifier.bias.copy_(values[node.input[2]])
    network.to(memory_format=torch.channels_last)
    return torchscript.dump(network)


def probabilities(network: nn.Module, images_u8: np.ndarray, rows: int) -> np.ndarray:
    """Return ``(N, 10)`` probabilities, asked for in batches of ``rows``."""
    with torch.inference_mode():
        return np.exp(np.concatenate([network(part).numpy() for part in torch.from_numpy(images_u8).split(rows)]))


def main() -> None:
    version, images, out = map(Path, sys.argv[1:4])
    images_u8 = np.load(images)  # (N, 1, 28, 28)
    if (version / "model.onnx").is_file():
        onnx_data = (version / "model.onnx").read_bytes()
        torchscript_data = torchscript_of(onnx_data)
    else:
        torchscript_data = (version / "model.pt").read_bytes()
        onnx_data = onnx_graph.dump(torchscript.load(torchscript_data))
    networks = [onnx_graph.load(onnx_data), torchscript.load(torchscript_data)]
    expected = probabilities(networks[0], images_u8, len(images_u8))
    for network in networks:
        for rows in (1, 7, len(images_u8)):
            difference = float(np.abs(expected - probabilities(network, images_u8, rows)).max())
            if not difference <= MAX_DIFFERENCE:
                sys.exit(f"the two formats differ by {difference:.2g} in batches of {rows}")
    (out / "model.onnx").write_bytes(onnx_data)
    (out / "model.pt").write_bytes(torchscript_data)
    (out / "reference.json").write_text(json.dumps(expected.tolist()))


if __name__ == "__main__":
    main()
