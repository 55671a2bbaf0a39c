"""The kinds of file that a version can be published as, and which of them suits the place where it will be served."""

from typing import Literal, NamedTuple

FormatName = Literal["onnx", "torchscript"]
FormatChoice = Literal["auto", FormatName]


class Format(NamedTuple):
    """A kind of file.

    Args:
        title: What people call it.
        file: Its name in a version's folder, by which Triton finds it.
        platform: What Triton calls it in ``config.pbtxt``.
    """

    title: str
    file: str
    platform: str


FORMATS: dict[FormatName, Format] = {
    "onnx": Format("ONNX", "model.onnx", "onnxruntime_onnx"),
    "torchscript": Format("TorchScript", "model.pt", "pytorch_libtorch"),
}


def choose_format(choice: FormatChoice, device: str) -> FormatName:
    """Return the format to publish.

    A batch of one costs ONNX Runtime under a third of what it costs TorchScript on a CPU; on a GPU Triton's own
    libtorch backend is at home (docs/decisions/0005-onnx-on-cpus.md).

    Args:
        choice: What the settings say.
        device: Type of the device that the network was trained on: who trains on CUDA is taken to serve there too.
    """
    if choice != "auto":
        return choice
    return "torchscript" if device == "cuda" else "onnx"
