"""A Python-based Triton backend for TorchScript models: any model whose config says ``pytorch_libtorch``.

It stands in for NVIDIA's native libtorch backend where only the Python backend is to be had, and reads the same
configs: tensors by the order in which the config lists them, ``INTRA_OP_THREAD_COUNT`` and
``DISABLE_OPTIMIZED_EXECUTION`` from its parameters.
"""

from pathlib import Path

import torch
from batched import BatchedModel, Config, threads_of


class TritonPythonModel(BatchedModel):
    """One instance of a TorchScript model."""

    MODEL_FILE = "model.pt"

    def load(self, path: Path, config: Config, args: dict[str, str]) -> None:
        """Load the file onto the instance's device."""
        torch.set_num_threads(threads_of(config, "INTRA_OP_THREAD_COUNT"))
        torch.set_num_interop_threads(1)
        _choose_executor(config)
        self._device = _device_of(args)
        self._network = torch.jit.load(str(path), map_location=self._device).eval()

    def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the network without autograd's bookkeeping."""
        with torch.inference_mode():
            answer = self._network(*(tensor.to(self._device, non_blocking=True) for tensor in tensors))
        answers = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        if len(answers) != len(self.outputs):
            raise ValueError(f"{len(answers)} outputs where the config lists {len(self.outputs)}")
        # To the CPU, where they are going in any case: it also waits for the GPU, which a DLPack capsule doesn't.
        return [answer.cpu().contiguous() for answer in answers]

    def finalize(self) -> None:
        """Let go of the weights at once: the next version may want the GPU's memory."""
        del self._network


def _choose_executor(config: Config) -> None:
    """Keep TorchScript from compiling in the middle of the load.

    By default it profiles a network in its first run and compiles it in the second: 30 and 2 ms for the digits'.
    Without profiling these take 6 and 0.4 ms, without optimising 2.6 and 0.4. From then on all are equal: 0.20 ms for
    one image, 1.75 ms for 32 (CPU time of one thread). A batch size that hasn't been seen before takes twice its time
    once in each of them: that is oneDNN, and what ``model_warmup`` is for. Without oneDNN 32 images take 4.1 ms.
    """
    torch._C._jit_set_profiling_executor(False)  # noqa: SLF001 - PyTorch has no public name for it
    parameter = config.get("parameters", {}).get("DISABLE_OPTIMIZED_EXECUTION", {})
    if str(parameter.get("string_value", "")).lower() == "true":
        torch._C._set_graph_executor_optimize(False)  # noqa: SLF001 - nor for this, for good


def _device_of(args: dict[str, str]) -> torch.device:
    wants_gpu = args["model_instance_kind"] == "GPU"
    if wants_gpu and torch.cuda.is_available():
        return torch.device("cuda", int(args["model_instance_device_id"]))
    return torch.device("cpu")
