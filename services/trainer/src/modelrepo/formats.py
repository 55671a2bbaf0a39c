"""The file formats that a version can be published in."""

from typing import Literal, NamedTuple

FormatName = Literal["onnx", "torchscript"]


class Format(NamedTuple):
    """A file format.

    Args:
        title: Its name in messages.
        file: The file's name in a version's folder, which Triton requires.
        platform: Its name in ``config.pbtxt``.
    """

    title: str
    file: str
    platform: str


FORMATS: dict[FormatName, Format] = {
    "onnx": Format("ONNX", "model.onnx", "onnxruntime_onnx"),
    "torchscript": Format("TorchScript", "model.pt", "pytorch_libtorch"),
}
