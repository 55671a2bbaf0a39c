"""A Python-based Triton backend for ONNX models on the CPU: any model whose config says ``onnxruntime_onnx``.

It stands in for NVIDIA's native ONNX Runtime backend where only the Python backend is to be had, and reads the same
configs, ``intra_op_thread_count`` from their parameters. Small batches are where it pays: a batch of one costs it
under a third of what TorchScript takes (docs/benchmarks.md).
"""

from pathlib import Path

import onnxruntime
import torch
from batched import BatchedModel, Config, threads_of


class TritonPythonModel(BatchedModel):
    """One instance of an ONNX model."""

    MODEL_FILE = "model.onnx"

    def load(self, path: Path, config: Config, args: dict[str, str]) -> None:  # noqa: ARG002 - CPU only
        """Load the file into a session with as many threads as the config says."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads_of(config, "intra_op_thread_count")
        options.inter_op_num_threads = 1
        # Two instances on two cores: threads that spin while they wait would take the core from those that work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [tensor["name"] for tensor in config["input"]]
        torch.set_num_threads(1)  # only copies and splits rows here

    def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the session on the tensors' own memory."""
        # PyTorch only carries the tensors: NumPy's own DLPack capsules make Triton's Python process print a traceback
        # a call, and a tensor made from an array comes back empty under numpy 2.
        feed = {name: tensor.numpy() for name, tensor in zip(self._names, tensors, strict=True)}
        return [torch.from_numpy(answer) for answer in self._session.run(self.outputs, feed)]

    def finalize(self) -> None:
        """Let go of the weights at once."""
        del self._session
