"""Small models for Triton whose answers are known without running them, published as the trainer publishes."""

import hashlib
import json
from pathlib import Path

import torch
from onnx import TensorProto, helper

MODEL = "sums"


class Sums(torch.nn.Module):
    """Answers the sum of each row and the version's number; an image that is 255 throughout is refused."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if bool((images.flatten(1).min(1)[0] == 255).any()):
            raise ValueError("a white image")
        sums = images.flatten(1).float().sum(1, keepdim=True)
        return sums, torch.full_like(sums, float(self.version))


class Pair(torch.nn.Module):
    """Two inputs, no batching; refuses what doesn't fit together."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return torch.matmul(left, right)


def publish(repository: Path, version: int, *, damaged: bool = False) -> None:
    folder = repository / MODEL / str(version)
    folder.mkdir(parents=True)
    torch.jit.script(Sums(version).eval()).save(str(folder / "model.pt"))
    data = (folder / "model.pt").read_bytes()
    (folder / "manifest.json").write_text(json.dumps({"sha256": hashlib.sha256(data).hexdigest()}))
    if damaged:
        (folder / "model.pt").write_bytes(data + b"?")
    name_version(repository, version)


def name_version(repository: Path, version: int) -> None:
    """Write the config beside its place and rename it, as the trainer does."""
    staged = repository / MODEL / ".config.pbtxt"
    staged.write_text(f"""
        name: "{MODEL}" platform: "pytorch_libtorch" max_batch_size: 128 dynamic_batching {{}}
        version_policy {{ specific {{ versions: [{version}] }} }}
        input {{ name: "INPUT__0" data_type: TYPE_UINT8 dims: [1, -1, 28] }}
        output {{ name: "OUTPUT__0" data_type: TYPE_FP32 dims: [1] }}
        output {{ name: "OUTPUT__1" data_type: TYPE_FP32 dims: [1] }}
        parameters {{ key: "INTRA_OP_THREAD_COUNT" value: {{ string_value: "1" }} }}
        parameters {{ key: "DISABLE_OPTIMIZED_EXECUTION" value: {{ string_value: "true" }} }}
        model_warmup {{ name: "one" batch_size: 1 count: 3 inputs {{ key: "INPUT__0"
            value: {{ data_type: TYPE_UINT8 dims: [1, 28, 28] zero_data: true }} }} }}
    """)
    staged.rename(repository / MODEL / "config.pbtxt")


def publish_pair(repository: Path) -> None:
    folder = repository / "pair" / "1"
    folder.mkdir(parents=True)
    torch.jit.script(Pair()).save(str(folder / "model.pt"))
    (folder.parent / "config.pbtxt").write_text("""
        platform: "pytorch_libtorch" max_batch_size: 0
        input { name: "left" data_type: TYPE_FP32 dims: [-1, -1] }
        input { name: "right" data_type: TYPE_FP32 dims: [-1, -1] }
        output { name: "product" data_type: TYPE_FP32 dims: [-1, -1] }
    """)


def publish_broken(repository: Path) -> None:
    folder = repository / "broken" / "1"
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"not a model")
    (folder.parent / "config.pbtxt").write_text("""
        platform: "pytorch_libtorch" max_batch_size: 8
        input { name: "a" data_type: TYPE_FP32 dims: [1] } output { name: "b" data_type: TYPE_FP32 dims: [1] }
    """)


def publish_onnx(repository: Path, name: str) -> Path:
    """Publish a model that turns the signs of four bytes a row, and return its file."""
    rows = ["rows", 4]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["given"], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("Neg", ["numbers"], ["negative"]),
        ],
        name,
        [helper.make_tensor_value_info("given", TensorProto.UINT8, rows)],
        [helper.make_tensor_value_info("negative", TensorProto.FLOAT, rows)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file = repository / name / "1" / "model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(model.SerializeToString())
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_name("manifest.json").write_text(json.dumps({"sha256": sha256}))
    (repository / name / "config.pbtxt").write_text("""
        platform: "onnxruntime_onnx" max_batch_size: 8 dynamic_batching {}
        input { name: "given" data_type: TYPE_UINT8 dims: [4] }
        output { name: "negative" data_type: TYPE_FP32 dims: [4] }
        parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
    """)
    return file
