"""The model that everybody serves, what it answers, and the images that it is asked about."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from bench import environment
from bench.errors import StartFailed
from bench.paths import BENCH, ROOT, RUN
from loadgen.samples import Sample, load_samples
from trainer.repository import Repository

NAME = "mnist_cnn"
IMAGES = 32


class Model(NamedTuple):
    """The published version as the contenders need it."""

    repository: Path
    version: int
    torchscript: Path
    onnx: Path
    sha256: str
    samples: list[Sample]
    images_u8: np.ndarray  # (N, 1, 28, 28)
    probabilities: list[list[float]]  # what the model answers to each image


def load(repository: Path) -> Model:
    """Return the served model; train and publish one first if there is none.

    Raises:
        StartFailed: There is none and none can be trained, or it can't be converted.
    """
    version = Repository(repository, NAME).served()
    if version is None:
        print("No model is published yet: training one (minutes).", flush=True)
        if subprocess.run([sys.executable, "-m", "trainer", "ensure"], cwd=ROOT, check=False).returncode:
            raise StartFailed("no model is published, and training one failed")
        version = Repository(repository, NAME).served()
    folder = repository / NAME / str(version)
    (served,) = [path for path in (folder / "model.pt", folder / "model.onnx") if path.is_file()][:1]
    sha256 = hashlib.sha256(served.read_bytes()).hexdigest()
    samples = load_samples()[:: len(load_samples()) // IMAGES][:IMAGES]
    images_u8 = np.stack([np.asarray(Image.open(io.BytesIO(sample.png)), np.uint8)[None] for sample in samples])
    converted = _convert(folder, images_u8, RUN / "model" / sha256[:12])
    return Model(
        repository=repository,
        version=int(version or 0),
        torchscript=folder / "model.pt",
        onnx=converted / "model.onnx",
        sha256=sha256,
        samples=samples,
        images_u8=images_u8,
        probabilities=json.loads((converted / "reference.json").read_text()),
    )


def _convert(version: Path, images_u8: np.ndarray, out: Path) -> Path:
    if (out / "reference.json").is_file():
        return out
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", images_u8)
    python = environment.prepare("convert", with_torch=True) / "python"
    argv = [str(python), str(BENCH / "convert.py"), str(version), str(out / "images.npy"), str(out)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"the model can't be converted to ONNX: {done.stderr.strip()[-400:]}")
    return out
