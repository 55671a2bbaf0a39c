"""A TorchScript file: it names no tensors, so its inputs are given, and its outputs are numbered."""

import io
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray

from modelrepo.contract import TensorSpec
from modelrepo.formats import FormatName
from modelrepo.probe import Tensors
from trainer.errors import ModelFileRefused
from trainer.publish.model_file import DATATYPES, Declared, RunFailed, first_line

_REFUSALS = (RuntimeError, ValueError, TypeError, IndexError)
_INPUT_HELP = (
    "TorchScript names no inputs: give each one, in order, as --input NAME:DTYPE:DIMS, such as image:FP32:-1,3,8,8"
)


class TorchScriptFile:
    """A TorchScript file on the CPU.

    Args:
        data: Its content.
        name: Its name in messages.
        inputs: Its inputs, in the order of its ``forward``.
        outputs: Their names, if they are known; else ``OUTPUT__0``, ``OUTPUT__1``, ….

    Raises:
        ModelFileRefused: It can't be loaded, or no inputs are given.
    """

    format: FormatName = "torchscript"

    def __init__(self, data: bytes, name: str, inputs: tuple[TensorSpec, ...], outputs: tuple[str, ...] = ()) -> None:
        if not inputs:
            raise ModelFileRefused(f"{name}: {_INPUT_HELP}")
        self.data, self.inputs, self._name = data, inputs, name
        self.outputs = tuple(Declared(output, None) for output in outputs)
        try:
            with warnings.catch_warnings():
                # TorchScript is deprecated in favour of torch.export, which Triton's libtorch backend doesn't read.
                warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
                self._network = torch.jit.load(io.BytesIO(data), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except RuntimeError as exc:
            raise ModelFileRefused(
                f"{name} isn't TorchScript (a file of torch.save isn't): save it with torch.jit.script and .save"
            ) from exc

    def run(self, inputs: Tensors) -> Tensors:
        """Return the answers by the outputs' names.

        Raises:
            RunFailed: The network refuses these inputs.
            ModelFileRefused: Its answer isn't a tensor, or a tuple or list of tensors.
        """
        given = [_to_torch(inputs[spec.name]) for spec in self.inputs]
        try:
            with torch.inference_mode():
                answer = self._network(*given)
        except _REFUSALS as exc:
            raise RunFailed(_last_line(exc)) from exc
        answers = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        self._check(answers)
        if not self.outputs:
            self.outputs = tuple(Declared(f"OUTPUT__{index}", None) for index in range(len(answers)))
        return {output.name: _to_numpy(tensor) for output, tensor in zip(self.outputs, answers, strict=True)}

    def _check(self, answers: list[Any]) -> None:
        for index, tensor in enumerate(answers):
            if not isinstance(tensor, torch.Tensor):
                kind = type(tensor).__name__
                raise ModelFileRefused(f"{self._name}: output {index} is a {kind}; only tensors can be served")
            if str(tensor.dtype).removeprefix("torch.") not in DATATYPES:
                raise ModelFileRefused(
                    f"{self._name}: output {index} is {tensor.dtype}; served are {', '.join(DATATYPES.values())}"
                )
        if self.outputs and len(self.outputs) != len(answers):
            raise RunFailed(f"{len(answers)} outputs where {len(self.outputs)} were expected")


def _last_line(error: BaseException) -> str:
    """Return the end of a TorchScript error, whose beginning is a trace of the script."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[-1].split())[:300] if lines else first_line(error)


def _to_torch(array: NDArray[Any]) -> torch.Tensor:
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.astype(np.float32)).bfloat16()
    return torch.from_numpy(array)


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy().astype(ml_dtypes.bfloat16)
    return tensor.numpy()
