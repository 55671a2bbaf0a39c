"""A Python-based Triton backend for ONNX models on the CPU: any model whose config says ``onnxruntime_onnx``.

It replaces NVIDIA's native ONNX Runtime backend where only the Python backend is available, and reads the same
configs and the parameter ``intra_op_thread_count``. It is fastest for small batches: one row costs less than a third
of what TorchScript takes (docs/benchmarks.md).
"""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime
import torch
from onnx_signature import check_signature, scalars
from python_backend.batched import BatchedModel, Inputs

# NumPy has no bfloat16, and PyTorch doesn't take the uint64 arrays that ONNX Runtime returns (`ulonglong`).
_NOT_BY_NUMPY = {"TYPE_BF16", "TYPE_UINT64"}


class TritonPythonModel(BatchedModel):
    """One instance of an ONNX model."""

    MODEL_FILE = "model.onnx"

    def load(self, path: Path, args: dict[str, str]) -> None:  # noqa: ARG002 - CPU only
        """Load the file into a session with the config's number of threads."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.config.threads("intra_op_thread_count")
        options.inter_op_num_threads = 1
        # Threads that spin while they wait would take a core from the other instance's threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        check_signature(self.config, self._session.get_inputs(), self._session.get_outputs())
        self._scalars = scalars(self._session.get_inputs(), self.config)
        self._call = self._by_dlpack if self.config.data_types() & _NOT_BY_NUMPY else self._by_numpy
        torch.set_num_threads(1)  # PyTorch only copies and splits rows here

    def forward(self, tensors: Inputs, wanted: Sequence[str]) -> dict[str, torch.Tensor]:
        """Run the session on the tensors' own memory, for the wanted outputs only."""
        feed = {
            entry.name: tensor.reshape(()) if entry.name in self._scalars else tensor
            for entry, tensor in zip(self.config.inputs, tensors, strict=True)
        }
        return dict(zip(wanted, self._call(feed, wanted), strict=True))

    def _by_numpy(self, feed: dict[str, torch.Tensor], wanted: Sequence[str]) -> list[torch.Tensor]:
        arrays = {name: tensor.numpy() for name, tensor in feed.items()}
        return [torch.from_numpy(answer) for answer in self._session.run(list(wanted), arrays)]

    def _by_dlpack(self, feed: dict[str, torch.Tensor], wanted: Sequence[str]) -> list[torch.Tensor]:
        values = {name: onnxruntime.OrtValue.from_dlpack(tensor) for name, tensor in feed.items()}
        answers = self._session.run_with_ort_values(list(wanted), values)
        return [torch.from_dlpack(answer) for answer in answers]

    def finalize(self) -> None:
        """Free the weights at once."""
        del self._session
