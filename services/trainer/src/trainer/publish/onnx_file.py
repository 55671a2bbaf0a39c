"""An ONNX file: its tensors as the graph declares them, and its answers by ONNX Runtime."""

import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError, EncodeError
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from modelrepo.contract import VARIABLE, Datatype, TensorSpec
from modelrepo.formats import FormatName
from modelrepo.probe import Tensors
from trainer.errors import ModelFileRefused
from trainer.publish.model_file import Declared, RunFailed, first_line

FAILURES = (
    failures.EPFail,
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
    RuntimeError,
    ValueError,
)
DATATYPES: dict[str, Datatype] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(bfloat16)": "BF16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
}
_NEWER_OPSET = re.compile(r"Opset (\d+) is under development.*till opset (\d+)", re.DOTALL)
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_FATAL = 4  # ONNX Runtime's level: its warnings are no part of a command's output


class OnnxFile:
    """An ONNX file in a session with one thread, as an instance in Triton.

    Args:
        data: Its content.
        name: Its name in messages.
        folder: Where its external data is; None for a file that has none.

    Raises:
        ModelFileRefused: It can't be loaded, or has tensors that can't be served.
    """

    format: FormatName = "onnx"

    def __init__(self, data: bytes, name: str, folder: Path | None = None) -> None:
        graph, self.data = _read(data, name, folder)
        self._session = _session(self.data, name)
        self.inputs = tuple(
            TensorSpec(name=node.name, dtype=_datatype(node, "input", name), shape=_shape(graph.input, node.name) or ())
            for node in self._session.get_inputs()
        )
        if not self.inputs:
            raise ModelFileRefused(f"{name} has no input; a model to serve needs one")
        nodes = self._session.get_outputs()
        dtypes = [node.dtype for node in self.inputs] + [_datatype(node, "output", name) for node in nodes]
        self.outputs = tuple(Declared(node.name, _shape(graph.output, node.name)) for node in nodes)
        self._has_bf16 = "BF16" in dtypes

    def run(self, inputs: Tensors) -> Tensors:
        """Return the answers by the outputs' names.

        Raises:
            RunFailed: The session refuses these inputs.
        """
        options = onnxruntime.RunOptions()
        options.log_severity_level = _FATAL
        names = [output.name for output in self.outputs]
        try:
            if self._has_bf16:
                feed = {key: onnxruntime.OrtValue.from_dlpack(_to_torch(value)) for key, value in inputs.items()}
                values = self._session.run_with_ort_values(names, feed, options)
                answers = [_to_numpy(torch.utils.dlpack.from_dlpack(value)) for value in values]
            else:
                answers = self._session.run(names, dict(inputs), options)
        except FAILURES as exc:
            raise RunFailed(_PREFIX.sub("", first_line(exc))) from exc
        return dict(zip(names, answers, strict=True))


def _read(data: bytes, name: str, folder: Path | None) -> tuple[onnx.GraphProto, bytes]:
    """Return the graph, and the content with external data put into it: a version is one file."""
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as exc:
        raise ModelFileRefused(f"{name} is neither ONNX nor TorchScript; export the model to one of them") from exc
    if not model.HasField("graph"):
        raise ModelFileRefused(f"{name} holds no ONNX graph; export the model to ONNX or TorchScript")
    size = model.ByteSize()
    try:
        onnx.load_external_data_for_model(model, str(folder or Path()))
        return model.graph, data if model.ByteSize() == size else model.SerializeToString()
    except (OSError, ValueError, onnx.checker.ValidationError) as exc:
        reason = first_line(exc)
        raise ModelFileRefused(
            f"{name} keeps weights in another file, which can't be read beside it: {reason}"
        ) from exc
    except EncodeError as exc:
        raise ModelFileRefused(f"{name} and its weights are larger than the 2 GiB that one ONNX file can hold") from exc


def _session(data: bytes, name: str) -> Any:  # noqa: ANN401  the library has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    library = f"ONNX Runtime {onnxruntime.__version__}"
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except FAILURES as exc:
        if found := _NEWER_OPSET.search(str(exc)):
            has, known = found.groups()
            raise ModelFileRefused(
                f"{name} has opset {has}, {library} knows those up to {known}: export it anew"
            ) from exc
        raise ModelFileRefused(f"{name} can't be loaded by {library}: {_PREFIX.sub('', first_line(exc))}") from exc


def _datatype(node: Any, kind: str, name: str) -> Datatype:  # noqa: ANN401  the library has no types
    if node.type in DATATYPES:
        return DATATYPES[node.type]
    if node.type == "tensor(string)":
        hint = "the backends serve no strings: pass them as UINT8 or INT64 tensors"
    elif node.type.startswith("seq("):
        hint = "only tensors can be served: export the model without it (scikit-learn: zipmap=False)"
    else:
        hint = f"only tensors of {', '.join(DATATYPES.values())} can be served"
    raise ModelFileRefused(f"{name}: {kind} {node.name!r} is {node.type}; {hint}")


def _shape(values: Any, name: str) -> tuple[int, ...] | None:  # noqa: ANN401  a protobuf container
    """Return the declared sides; the session doesn't tell rank 0 from an unknown rank."""
    (tensor,) = (value.type.tensor_type for value in values if value.name == name)
    if not tensor.HasField("shape"):
        return None
    return tuple(dim.dim_value if dim.dim_value > 0 else VARIABLE for dim in tensor.shape.dim)


def _to_torch(array: NDArray[Any]) -> torch.Tensor:
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()
