"""A Python-based Triton backend for TorchScript models: any model whose config says ``pytorch_libtorch``.

It replaces NVIDIA's native libtorch backend where only the Python backend is available, and reads the same configs:
tensors in the order in which the config lists them, and the parameter ``INTRA_OP_THREAD_COUNT``. TorchScript profiles
and compiles a network in its first two runs: ``model_warmup`` in the config does these before the model is ready.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from python_backend.batched import BatchedModel, Inputs


class TritonPythonModel(BatchedModel):
    """One instance of a TorchScript model."""

    MODEL_FILE = "model.pt"

    def load(self, path: Path, args: dict[str, str]) -> None:
        """Load the file onto the instance's device."""
        torch.set_num_threads(self.config.threads("INTRA_OP_THREAD_COUNT"))
        torch.set_num_interop_threads(1)
        self._device = _device_of(args)
        self._network = torch.jit.load(str(path), map_location=self._device).eval()

    def place(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor on the instance's device: requests are concatenated there, not on the CPU."""
        return tensor.to(self._device, non_blocking=True)

    def forward(self, tensors: Inputs, wanted: Sequence[str]) -> dict[str, torch.Tensor]:
        """Run the network without autograd."""
        with torch.inference_mode():
            answer = self._network(*tensors)
        answers = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        if len(answers) != len(self.config.outputs):
            raise ValueError(f"{len(answers)} outputs where the config lists {len(self.config.outputs)}")
        named = zip((tensor.name for tensor in self.config.outputs), answers, strict=True)
        # Triton copies outputs through shared memory, so they go to the CPU; `cpu()` also waits for the GPU, which a
        # DLPack capsule doesn't.
        return {name: answer.cpu() for name, answer in named if name in wanted}

    def finalize(self) -> None:
        """Free the weights at once: the next version may need the GPU's memory."""
        del self._network


def _device_of(args: dict[str, str]) -> torch.device:
    wants_gpu = args["model_instance_kind"] == "GPU"
    if wants_gpu and torch.cuda.is_available():
        return torch.device("cuda", int(args["model_instance_device_id"]))
    return torch.device("cpu")
