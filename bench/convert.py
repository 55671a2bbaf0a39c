"""Runs in the environment ``convert``: the published model as ONNX, and what it answers to the images.

    convert.py VERSION_FOLDER IMAGES.npy OUT_FOLDER

Writes ``model.onnx`` and ``reference.json`` (ten probabilities an image) to OUT_FOLDER.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

# Between two exact implementations of the same float32 sums.
MAX_DIFFERENCE = 1e-3


def export(model: Path, onnx: Path) -> None:
    """Write the TorchScript file as ONNX, any number of rows.

    The exporter that reads TorchScript is used, although a newer one exists: the newer one needs the network's Python,
    and then what is measured wouldn't be the published file.
    """
    network = torch.jit.load(str(model), map_location="cpu").eval()
    rows = torch.zeros((2, 1, 28, 28), dtype=torch.uint8)
    axes = {"INPUT__0": {0: "rows"}, "OUTPUT__0": {0: "rows"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (rows,), str(onnx), input_names=["INPUT__0"], output_names=["OUTPUT__0"], dynamic_axes=axes,
            opset_version=17, dynamo=False,
        )  # fmt: skip


def by_torch(model: Path, images_u8: np.ndarray) -> np.ndarray:
    """Return ``(N, 10)`` probabilities."""
    with torch.inference_mode():
        return torch.jit.load(str(model), map_location="cpu").eval()(torch.from_numpy(images_u8)).exp().numpy()


def by_onnx(model: Path, images_u8: np.ndarray, rows: int) -> np.ndarray:
    """Return ``(N, 10)`` probabilities, asked for in batches of ``rows``."""
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [images_u8[i : i + rows] for i in range(0, len(images_u8), rows)]
    return np.exp(np.concatenate([session.run(None, {name: part})[0] for part in parts]))


def main() -> None:
    version, images, out = map(Path, sys.argv[1:4])
    images_u8 = np.load(images)  # (N, 1, 28, 28)
    torchscript, onnx = version / "model.pt", out / "model.onnx"
    if (version / "model.onnx").is_file():
        shutil.copy(version / "model.onnx", onnx)
    else:
        export(torchscript, onnx)
    expected = by_torch(torchscript, images_u8) if torchscript.is_file() else by_onnx(onnx, images_u8, len(images_u8))
    for rows in (1, 7, len(images_u8)):
        difference = float(np.abs(expected - by_onnx(onnx, images_u8, rows)).max())
        if not difference <= MAX_DIFFERENCE:
            sys.exit(f"the ONNX file differs by {difference:.2g} in batches of {rows}")
    (out / "reference.json").write_text(json.dumps(expected.tolist()))


if __name__ == "__main__":
    main()
