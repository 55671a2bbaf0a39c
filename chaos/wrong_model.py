"""A model whose answers are wrong: it rotates the ten outputs by one, so that it reads 1 as 2 and 9 as 0."""

import io
import warnings
from pathlib import Path

import onnx
import torch

_CLASSES = 10


def wrong_model(path: Path) -> bytes:
    """Return the content of a model file like ``path``, with its outputs rotated by one."""
    return _onnx(path) if path.suffix == ".onnx" else _torchscript(path)


def _torchscript(path: Path) -> bytes:
    class Wrong(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.roll(self.inner(images), 1, 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        inner = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        scripted = torch.jit.script(Wrong(inner))
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer)
    return buffer.getvalue()


def _onnx(path: Path) -> bytes:
    model = onnx.load(str(path))
    graph = model.graph
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = [f"right_{name}" if name == output.name else name for name in node.output]
    order = [(digit - 1) % _CLASSES for digit in range(_CLASSES)]
    graph.initializer.append(onnx.helper.make_tensor("order", onnx.TensorProto.INT64, [_CLASSES], order))
    graph.node.append(onnx.helper.make_node("Gather", [f"right_{output.name}", "order"], [output.name], axis=1))
    return model.SerializeToString()
