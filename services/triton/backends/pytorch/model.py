"""A Python-based Triton backend for TorchScript models: any model whose config says ``pytorch_libtorch``.

It stands in for NVIDIA's native libtorch backend where only the Python backend is to be had, and reads the same
configs: tensors by the order in which the config lists them, ``INTRA_OP_THREAD_COUNT`` from its parameters.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as pb_utils
from torch.utils.dlpack import from_dlpack, to_dlpack

MODEL_FILE = "model.pt"


class TritonPythonModel:
    """One instance of one version of a model, in a process of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version's file.

        Args:
            args: What Triton passes: the config as JSON, repository, version, instance kind and device.

        Raises:
            TritonModelException: The file is missing, damaged, or not the one that its manifest describes.
        """
        config = json.loads(args["model_config"])
        _set_threads(config)
        self._batched = int(config.get("max_batch_size", 0)) > 0
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._device = _device_of(args)
        folder = Path(args["model_repository"]) / args["model_version"]
        path = folder / (config.get("default_model_filename") or MODEL_FILE)
        _check_sum(path)
        try:
            self._network = torch.jit.load(str(path), map_location=self._device).eval()
        except (RuntimeError, ValueError, OSError) as exc:
            raise pb_utils.TritonModelException(f"{path.name} can't be loaded: {exc}") from exc

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer all requests that Triton batched, in one run where the model is batched.

        Returns:
            A response a request, in order; errors are responses too.
        """
        if self._batched and len(requests) > 1:
            try:
                return self._run_together(requests)
            except Exception:  # noqa: BLE001, S110 - told apart below: a fault must not become the neighbours'
                pass
        return [self._run_alone(request) for request in requests]

    def finalize(self) -> None:
        """Let go of the weights at once: the next version may want the GPU's memory."""
        del self._network

    def _run_together(self, requests: Sequence[Any]) -> list[Any]:
        given = [self._tensors_of(request) for request in requests]
        rows = [len(tensors[0]) for tensors in given]
        answers = self._forward([torch.cat(column) for column in zip(*given, strict=True)])
        parts = zip(*(answer.split(rows) for answer in answers), strict=True)
        return [self._response(part) for part in parts]

    def _run_alone(self, request: Any) -> Any:  # noqa: ANN401 - Triton's own classes have no stubs
        # Whatever is raised here would fail every request of this execution: this is the process's boundary.
        try:
            return self._response(self._forward(self._tensors_of(request)))
        except Exception as exc:  # noqa: BLE001
            pb_utils.Logger.log_error(f"the model failed: {exc}")
            # TorchScript puts its trace, with the network's source, before the line that says what is wrong.
            reason = (str(exc).strip() or type(exc).__name__).splitlines()[-1]
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"the model failed: {reason}"))

    def _tensors_of(self, request: Any) -> list[torch.Tensor]:  # noqa: ANN401
        # By DLPack: through NumPy the answers come back empty under numpy 2, without an error.
        tensors = (pb_utils.get_input_tensor_by_name(request, name) for name in self._inputs)
        return [from_dlpack(tensor.to_dlpack()) for tensor in tensors]

    def _forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        with torch.inference_mode():
            answer = self._network(*(tensor.to(self._device, non_blocking=True) for tensor in tensors))
        answers = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        if len(answers) != len(self._outputs):
            raise ValueError(f"{len(answers)} outputs where the config lists {len(self._outputs)}")
        # To the CPU, where they are going in any case: it also waits for the GPU, which a DLPack capsule doesn't.
        return [answer.cpu().contiguous() for answer in answers]

    def _response(self, answers: Sequence[torch.Tensor]) -> Any:  # noqa: ANN401
        named = zip(self._outputs, answers, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack(name, to_dlpack(part)) for name, part in named])


def _set_threads(config: dict[str, Any]) -> None:
    """One thread an instance unless the config says otherwise: more threads than cores make it slower."""
    parameter = config.get("parameters", {}).get("INTRA_OP_THREAD_COUNT", {})
    torch.set_num_threads(max(1, int(parameter.get("string_value") or 1)))
    torch.set_num_interop_threads(1)
    # The profiling executor specialises the graph for each shape it meets; with dynamic batching that is often.
    torch._C._jit_set_profiling_executor(False)  # noqa: SLF001 - PyTorch has no public name for it


def _device_of(args: dict[str, str]) -> torch.device:
    wants_gpu = args["model_instance_kind"] == "GPU"
    if wants_gpu and torch.cuda.is_available():
        return torch.device("cuda", int(args["model_instance_device_id"]))
    return torch.device("cpu")


def _check_sum(path: Path) -> None:
    """Compare the file with the manifest beside it, if any; where it differs Triton keeps the former version."""
    manifest = path.with_name("manifest.json")
    try:
        wanted = json.loads(manifest.read_text(encoding="utf-8")).get("sha256") if manifest.is_file() else None
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as exc:
        raise pb_utils.TritonModelException(f"{path} can't be read: {exc}") from exc
    if wanted is not None and wanted != found:
        raise pb_utils.TritonModelException(f"{path} isn't what its manifest describes: its SHA-256 differs")
