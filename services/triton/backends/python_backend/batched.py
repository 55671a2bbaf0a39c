"""One instance of a model, which runs the requests that Triton gives it as one batch."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import triton_python_backend_utils as pb_utils

from python_backend.batches import concatenate, group_by_shape, split
from python_backend.checksum import check_sum
from python_backend.config import ModelConfig
from python_backend.orphan import end_with_server
from python_backend.wire import make_output, read_input

Inputs = list[torch.Tensor]


class BatchedModel(ABC):
    """One instance of one version of a model, in a process of its own; subclasses load and run it."""

    MODEL_FILE: ClassVar[str]
    config: ModelConfig

    @abstractmethod
    def load(self, path: Path, args: dict[str, str]) -> None:
        """Load the version's file; any exception fails the load, and Triton keeps the previous version.

        Args:
            path: The version's file.
            args: What Triton passes, the instance's kind and device among it.
        """

    @abstractmethod
    def forward(self, tensors: Inputs, wanted: Sequence[str]) -> dict[str, torch.Tensor]:
        """Run the model.

        Args:
            tensors: The inputs in the config's order.
            wanted: The outputs to return; the result may have others too.

        Returns:
            The outputs by name, on the CPU.
        """

    def place(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a request's input on the device where the model runs; called before inputs are concatenated."""
        return tensor

    def initialize(self, args: dict[str, str]) -> None:
        """Check the config and load the version's file.

        Args:
            args: What Triton passes: the config as JSON, repository, version, instance kind and device.

        Raises:
            TritonModelException: The config can't be served, or the file is missing, damaged or not the config's.
        """
        end_with_server()
        folder = Path(args["model_repository"]) / args["model_version"]
        try:
            self.config = ModelConfig(json.loads(args["model_config"]))
            path = folder / (self.config.file_name or self.MODEL_FILE)
            check_sum(path)
            self.load(path, args)
        except Exception as exc:  # the process's boundary: each library raises its own types
            raise pb_utils.TritonModelException(f"{args['model_name']} can't be loaded: {exc}") from exc

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer the requests that Triton batched; those of one shape in one run if the model has a batch dimension.

        Returns:
            One response a request, in order; an error is a response too.
        """
        given = [self._read(request) for request in requests]
        if not self.config.is_batched or len(requests) == 1:
            return [self._answer_alone(*pair) for pair in zip(requests, given, strict=True)]
        responses: list[Any] = [None] * len(requests)
        for group in group_by_shape(given):
            answers = self._answer([requests[number] for number in group], [given[number] for number in group])
            for number, answer in zip(group, answers, strict=True):
                responses[number] = answer
        return responses

    def _read(self, request: Any) -> Inputs:  # noqa: ANN401 - Triton's classes have no stubs
        return [read_input(request, tensor.name) for tensor in self.config.inputs]

    def _answer(self, requests: Sequence[Any], given: Sequence[Inputs]) -> list[Any]:
        """Run requests of one shape together; if that fails one by one, so that an error fails its own request only."""
        if len(requests) > 1:
            try:
                return self._run(requests, given)
            except Exception:  # noqa: BLE001, S110 - the error is reported by the run that it belongs to
                pass
        return [self._answer_alone(*pair) for pair in zip(requests, given, strict=True)]

    def _answer_alone(self, request: Any, given: Inputs) -> Any:  # noqa: ANN401
        # The process's boundary: an exception from here would fail every request of this execution.
        try:
            return self._run([request], [given])[0]
        except Exception as exc:  # noqa: BLE001
            pb_utils.Logger.log_error(f"the model failed: {exc}")
            # TorchScript's message has the network's source and a trace before the line that names the error.
            reason = (str(exc).strip() or type(exc).__name__).splitlines()[-1]
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"the model failed: {reason}"))

    def _run(self, requests: Sequence[Any], given: Sequence[Inputs]) -> list[Any]:
        asked = [set(request.requested_output_names()) for request in requests]
        wanted = [tensor.name for tensor in self.config.outputs if any(tensor.name in names for names in asked)]
        placed = [[self.place(tensor) for tensor in tensors] for tensors in given]
        answers = self.forward(concatenate(placed), wanted)
        parts = {name: self._split(name, answers[name], given) for name in wanted}
        return [
            pb_utils.InferenceResponse([make_output(name, parts[name][i]) for name in wanted if name in names])
            for i, names in enumerate(asked)
        ]

    def _split(self, name: str, answer: torch.Tensor, given: Sequence[Inputs]) -> Sequence[torch.Tensor]:
        if self.config.is_batched:
            return split(name, answer, [tensors[0].shape[0] for tensors in given])
        # Triton has no tensors of rank 0.
        return [answer.reshape(1) if answer.dim() == 0 else answer]
