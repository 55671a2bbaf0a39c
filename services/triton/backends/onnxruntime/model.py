"""A Python-based Triton backend for ONNX models on the CPU: any model whose config says ``onnxruntime_onnx``.

It replaces NVIDIA's native ONNX Runtime backend where only the Python backend is available, and reads the same
configs and the parameter ``intra_op_thread_count``. It is fastest for small batches: one row costs less than a third
of what TorchScript takes (docs/benchmarks.md).
"""

from pathlib import Path

import onnxruntime
import torch
from batched import BatchedModel, Config, threads_of


class TritonPythonModel(BatchedModel):
    """One instance of an ONNX model."""

    MODEL_FILE = "model.onnx"

    def load(self, path: Path, config: Config, args: dict[str, str]) -> None:  # noqa: ARG002 - CPU only
        """Load the file into a session with the config's number of threads."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads_of(config, "intra_op_thread_count")
        options.inter_op_num_threads = 1
        # Threads that spin while they wait would take a core from the other instance's threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [tensor["name"] for tensor in config["input"]]
        torch.set_num_threads(1)  # PyTorch only copies and splits rows here

    def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the session on the tensors' own memory."""
        # Tensors travel as PyTorch's: NumPy's own DLPack capsules make Triton's stub print a traceback a call.
        feed = {name: tensor.numpy() for name, tensor in zip(self._names, tensors, strict=True)}
        return [torch.from_numpy(answer) for answer in self._session.run(self.outputs, feed)]

    def finalize(self) -> None:
        """Free the weights at once."""
        del self._session
