"""A model small enough to be made inside a test: it sums the pixels."""

import hashlib
import json
from pathlib import Path

import torch

CONFIG = """
name: "{name}"
platform: "pytorch_libtorch"
max_batch_size: 64
input {{ name: "INPUT__0" data_type: TYPE_UINT8 dims: [1, 28, 28] }}
output {{ name: "OUTPUT__0" data_type: TYPE_FP32 dims: [1] }}
version_policy {{ specific {{ versions: [{version}] }} }}
dynamic_batching {{}}
"""


class Sum(torch.nn.Module):
    """Adds up an image, times its version; an image that begins with 255 can't be run."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if bool((images[:, 0, 0, 0] == 255).any()):
            raise ValueError("an image begins with 255")
        return images.float().flatten(1).sum(1, keepdim=True) * self.factor


def publish(repository: Path, name: str, version: int) -> Path:
    """Write a version of the model and let the config name it; return the version's folder."""
    folder = repository / name / str(version)
    folder.mkdir(parents=True)
    torch.jit.script(Sum(version)).save(str(folder / "model.pt"))
    sha256 = hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"sha256": sha256}))
    serve(repository, name, version)
    return folder


def serve(repository: Path, name: str, version: int) -> None:
    """Let the config name another version."""
    (repository / name / "config.pbtxt").write_text(CONFIG.format(name=name, version=version))
