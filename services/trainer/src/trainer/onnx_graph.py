"""ONNX: what Triton's onnxruntime backend reads, and the quicker of the two on CPUs."""

import io
import warnings

import onnx
import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from torch import Tensor, nn

from trainer.network import IMAGE_PX, INPUT_NAME, OUTPUT_NAME

# Every onnxruntime since 1.12 reads it (2022), that of NVIDIA's image too; nothing newer is needed.
OPSET = 17
# Any other than 1, which would be taken for a constant.
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
    """An ONNX file that can be called like a network; one thread, as an instance in Triton has.

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
    times as long, needs one more library, and writes into the file where on this machine its sources lie.

    Args:
        network: On the CPU, in evaluation mode.
    """
    images_u8 = torch.zeros((EXAMPLE_ROWS, 1, IMAGE_PX, IMAGE_PX), dtype=torch.uint8)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it says so of itself, and of what it calls
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
    """Return what a ``model.onnx`` holds."""
    return OnnxNetwork(data)
