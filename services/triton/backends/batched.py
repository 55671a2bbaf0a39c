"""What the Python-based backends have in common: one instance of a model, whose requests are run as one batch.

Copied into each backend's folder when the backend directory is put together, because Triton's Python process looks
for a backend's modules there and nowhere else.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import triton_python_backend_utils as pb_utils
from orphan import end_with_server
from torch.utils.dlpack import from_dlpack, to_dlpack

Config = dict[str, Any]


class BatchedModel(ABC):
    """One instance of one version of a model, in a process of its own; a backend says how to load and how to run it."""

    MODEL_FILE: ClassVar[str]

    @abstractmethod
    def load(self, path: Path, config: Config, args: dict[str, str]) -> None:
        """Load the version's file; whatever is raised becomes the reason for which Triton keeps the former version."""

    @abstractmethod
    def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the model.

        Args:
            tensors: The inputs in the config's order, on the CPU or where the caller put them.

        Returns:
            The outputs in the config's order, contiguous and on the CPU.
        """

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version's file.

        Args:
            args: What Triton passes: the config as JSON, repository, version, instance kind and device.

        Raises:
            TritonModelException: The file is missing, damaged, or not the one that its manifest describes.
        """
        end_with_server()
        config = json.loads(args["model_config"])
        self._batched = int(config.get("max_batch_size", 0)) > 0
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        folder = Path(args["model_repository"]) / args["model_version"]
        path = folder / (config.get("default_model_filename") or self.MODEL_FILE)
        _check_sum(path)
        try:
            self.load(path, config, args)
        except Exception as exc:  # the process's boundary: each library raises kinds of its own
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

    def _run_together(self, requests: Sequence[Any]) -> list[Any]:
        given = [self._tensors_of(request) for request in requests]
        rows = [len(tensors[0]) for tensors in given]
        answers = self.forward([torch.cat(column) for column in zip(*given, strict=True)])
        parts = zip(*(answer.split(rows) for answer in answers), strict=True)
        return [self._response(part) for part in parts]

    def _run_alone(self, request: Any) -> Any:  # noqa: ANN401 - Triton's own classes have no stubs
        # Whatever is raised here would fail every request of this execution: this is the process's boundary.
        try:
            return self._response(self.forward(self._tensors_of(request)))
        except Exception as exc:  # noqa: BLE001
            pb_utils.Logger.log_error(f"the model failed: {exc}")
            # TorchScript puts its trace, with the network's source, before the line that says what is wrong.
            reason = (str(exc).strip() or type(exc).__name__).splitlines()[-1]
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"the model failed: {reason}"))

    def _tensors_of(self, request: Any) -> list[torch.Tensor]:  # noqa: ANN401
        # By DLPack: through NumPy the answers come back empty under numpy 2, without an error.
        tensors = (pb_utils.get_input_tensor_by_name(request, name) for name in self._inputs)
        return [from_dlpack(tensor.to_dlpack()) for tensor in tensors]

    def _response(self, answers: Sequence[torch.Tensor]) -> Any:  # noqa: ANN401
        named = zip(self.outputs, answers, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack(name, to_dlpack(part)) for name, part in named])


def threads_of(config: Config, name: str) -> int:
    """Return the threads of an instance; one unless the config says otherwise: more than cores make it slower.

    Args:
        config: The model's.
        name: What the native backend calls this parameter.
    """
    parameter = config.get("parameters", {}).get(name, {})
    return max(1, int(parameter.get("string_value") or 1))


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
