"""Versions put into the repository by hand: a copy of the served one, one that answers wrongly, a damaged one."""

import io
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import torch

from chaos.errors import ChaosError
from modelrepo import durable, model_config
from modelrepo.checksum import sha256
from modelrepo.repository import CONFIG_FILE, MANIFEST_FILE, Repository

MODEL_FILES = ("model.onnx", "model.pt")
CLASSES = 10


def served(repository: Repository) -> int:
    """Return the served version.

    Raises:
        ChaosError: There is none.
    """
    version = repository.served()
    if version is None:
        raise ChaosError(f"nothing is published in {repository.folder}")
    return version


def model_file(repository: Repository, version: int) -> Path:
    """Return the path of a version's model.

    Raises:
        ChaosError: It has none.
    """
    folder = repository.folder / str(version)
    for name in MODEL_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ChaosError(f"{folder} has no model")


def add(repository: Repository, change: Callable[[Path], bytes] = Path.read_bytes) -> int:
    """Add a version made of the served one, whole, by one rename; the config doesn't name it yet.

    Args:
        repository: Where.
        change: Returns the new model's content, given the served model's path.
    """
    source = model_file(repository, served(repository))
    number = max(repository.versions()) + 1
    staging = repository.folder / f".chaos-{number}"
    shutil.copytree(source.parent, staging)
    content = change(source)
    (staging / source.name).write_bytes(content)
    record = json.loads((staging / MANIFEST_FILE).read_text())
    record |= {"version": number, "previous": served(repository), "sha256": sha256(content)}
    (staging / MANIFEST_FILE).write_text(json.dumps(record))
    staging.rename(repository.folder / str(number))
    return number


def name(repository: Repository, version: int) -> None:
    """Let the config name a version, whole or not, as somebody without the trainer might."""
    path = repository.folder / CONFIG_FILE
    config = model_config.build_config(repository.model_name, version, repository.manifest(version))
    durable.replace_file(path, config.encode())


def wrong(path: Path) -> bytes:
    """Return a model that takes every digit for its neighbour: 1 for 2, 9 for 0."""
    return _wrong_onnx(path) if path.suffix == ".onnx" else _wrong_torchscript(path)


def _wrong_torchscript(path: Path) -> bytes:
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


def _wrong_onnx(path: Path) -> bytes:
    model = onnx.load(str(path))
    graph = model.graph
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = [f"right_{name}" if name == output.name else name for name in node.output]
    order = [(digit - 1) % CLASSES for digit in range(CLASSES)]
    graph.initializer.append(onnx.helper.make_tensor("order", onnx.TensorProto.INT64, [CLASSES], order))
    graph.node.append(onnx.helper.make_node("Gather", [f"right_{output.name}", "order"], [output.name], axis=1))
    return model.SerializeToString()
