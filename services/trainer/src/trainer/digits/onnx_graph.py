"""ONNX: the format of Triton's onnxruntime backend, and the faster of the two on CPUs."""

import io
import warnings

import onnx
import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from torch import Tensor, nn

from trainer.digits.contract import IMAGE_PX, INPUT_NAME, OUTPUT_NAME

# Every onnxruntime since 1.12 (2022) reads this opset, NVIDIA's image included; the network needs no newer one.
OPSET = 17
# Not 1: the exporter would treat it as a constant.
EXAMPLE_ROWS = 2
LOAD_ERRORS = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
)


class OnnxNetwork(nn.Module):
    """An ONNX file that can be called like a network, with one thread, as an instance in Triton.

    Args:
        data: The file's content.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def forward(self, images_u8: Tensor) -> Tensor:
        """Classify (N, 1, 28, 28) uint8 images: (N, 10) float32 log-probabilities."""
        (answer,) = self._session.run([OUTPUT_NAME], {INPUT_NAME: images_u8.numpy()})
        return torch.from_numpy(answer)


def dump(network: nn.Module) -> bytes:
    """Return the content of ``model.onnx``: any number of rows, each batch norm folded into its convolution.

    The exporter is the older of PyTorch's two. The newer one gives the same graph for this network, but takes ten
    times as long, requires another library, and writes the paths of the local sources into the file.

    Args:
        network: On the CPU, in evaluation mode.
    """
    images_u8 = torch.zeros((EXAMPLE_ROWS, 1, IMAGE_PX, IMAGE_PX), dtype=torch.uint8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter and functions that it calls
        torch.onnx.export(
            network,
            (images_u8,),
            buffer,  # type: ignore[arg-type]  # the older exporter takes any file
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "rows"}, OUTPUT_NAME: {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )
    data = buffer.getvalue()
    onnx.checker.check_model(data, full_check=True)
    return data


def load(data: bytes) -> nn.Module:
    """Return the network in a ``model.onnx``."""
    return OnnxNetwork(data)
