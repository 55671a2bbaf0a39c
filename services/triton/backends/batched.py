"""The shared part of the Python-based backends: one instance of a model, which runs requests as one batch.

Each backend's folder gets a copy when the backend directory is assembled, because Triton's stub imports a backend's
modules from there only.
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
    """One instance of one version of a model, in a process of its own; subclasses load and run it."""

    MODEL_FILE: ClassVar[str]

    @abstractmethod
    def load(self, path: Path, config: Config, args: dict[str, str]) -> None:
        """Load the version's file; any exception fails the load, and Triton keeps the previous version."""

    @abstractmethod
    def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the model.

        Args:
            tensors: The inputs in the config's order, on the device where Triton put them.

        Returns:
            The outputs in the config's order, contiguous and on the CPU.
        """

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version's file.

        Args:
            args: What Triton passes: the config as JSON, repository, version, instance kind and device.

        Raises:
            TritonModelException: The file is missing or damaged, or differs from its manifest.
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
        except Exception as exc:  # the process's boundary: each library raises its own types
            raise pb_utils.TritonModelException(f"{path.name} can't be loaded: {exc}") from exc

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests that Triton batched, in one run if the model has a batch dimension.

        Returns:
            One response a request, in order; an error is a response too.
        """
        if self._batched and len(requests) > 1:
            try:
                return self._run_together(requests)
            except Exception:  # noqa: BLE001, S110 - run one by one below: an error must fail its own request only
                pass
        return [self._run_alone(request) for request in requests]

    def _run_together(self, requests: Sequence[Any]) -> list[Any]:
        given = [self._tensors_of(request) for request in requests]
        rows = [len(tensors[0]) for tensors in given]
        answers = self.forward([torch.cat(column) for column in zip(*given, strict=True)])
        parts = zip(*(answer.split(rows) for answer in answers), strict=True)
        return [self._response(part) for part in parts]

    def _run_alone(self, request: Any) -> Any:  # noqa: ANN401 - Triton's own classes have no stubs
        # The process's boundary: an exception from here would fail every request of this execution.
        try:
            return self._response(self.forward(self._tensors_of(request)))
        except Exception as exc:  # noqa: BLE001
            pb_utils.Logger.log_error(f"the model failed: {exc}")
            # TorchScript's message has the network's source and a trace before the line that names the error.
            reason = (str(exc).strip() or type(exc).__name__).splitlines()[-1]
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"the model failed: {reason}"))

    def _tensors_of(self, request: Any) -> list[torch.Tensor]:  # noqa: ANN401
        # By DLPack: under NumPy 2 the stub returns empty tensors for NumPy arrays, without an error.
        tensors = (pb_utils.get_input_tensor_by_name(request, name) for name in self._inputs)
        return [from_dlpack(tensor.to_dlpack()) for tensor in tensors]

    def _response(self, answers: Sequence[torch.Tensor]) -> Any:  # noqa: ANN401
        named = zip(self.outputs, answers, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor.from_dlpack(name, to_dlpack(part)) for name, part in named])


def threads_of(config: Config, name: str) -> int:
    """Return the number of threads of an instance: 1 unless the config sets it, since parallel requests use the cores.

    Args:
        config: The model's config.
        name: The native backend's name of this parameter.
    """
    parameter = config.get("parameters", {}).get(name, {})
    return max(1, int(parameter.get("string_value") or 1))


def _check_sum(path: Path) -> None:
    """Compare the file's SHA-256 with the manifest beside it, if there is one."""
    manifest = path.with_name("manifest.json")
    try:
        wanted = json.loads(manifest.read_text(encoding="utf-8")).get("sha256") if manifest.is_file() else None
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as exc:
        raise pb_utils.TritonModelException(f"{path} can't be read: {exc}") from exc
    if wanted is not None and wanted != found:
        raise pb_utils.TritonModelException(
            f"{path}: its SHA-256 differs from the one in manifest.json; publish the version again"
        )
