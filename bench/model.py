"""The model that every contender serves, its answers, and the images in the requests."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from bench.errors import StartFailed
from bench.paths import ROOT, RUN
from loadgen.samples import Sample, load_samples
from modelrepo.repository import Repository

NAME = "mnist_cnn"
IMAGES = 32


class Model(NamedTuple):
    """The published version as the contenders need it."""

    repository: Path
    version: int
    format: str  # of the published file; the other one is made from it
    torchscript: Path
    onnx: Path
    sha256: str
    samples: list[Sample]
    images_u8: np.ndarray  # (N, 1, 28, 28)
    probabilities: list[list[float]]  # what the model answers to each image


def ensure(repository: Path) -> int:
    """Return the served version; train and publish one first if there is none.

    Raises:
        StartFailed: There is none and none can be trained.
    """
    version = Repository(repository, NAME).served()
    if version is None:
        print("No model is published yet: training one (minutes).", flush=True)
        env = os.environ | {"TRAINER_MODEL_REPOSITORY": str(repository.resolve())}
        if subprocess.run([sys.executable, "-m", "trainer", "ensure"], cwd=ROOT, env=env, check=False).returncode:
            raise StartFailed("no model is published, and training one failed")
        version = Repository(repository, NAME).served()
    return int(version or 0)


def load(repository: Path) -> Model:
    """Return the served model, and the same in the other format.

    Raises:
        StartFailed: There is none and none can be trained, or it can't be converted.
    """
    version = ensure(repository)
    folder = repository / NAME / str(version)
    manifest = Repository(repository, NAME).manifest(version)
    samples = load_samples()[:: len(load_samples()) // IMAGES][:IMAGES]
    images_u8 = np.stack([np.asarray(Image.open(io.BytesIO(sample.png)), np.uint8)[None] for sample in samples])
    converted = _convert(folder, images_u8, RUN / "model" / manifest.sha256[:12])
    return Model(
        repository=repository,
        version=version,
        format=manifest.format,
        torchscript=converted / "model.pt",
        onnx=converted / "model.onnx",
        sha256=manifest.sha256,
        samples=samples,
        images_u8=images_u8,
        probabilities=json.loads((converted / "reference.json").read_text()),
    )


def _convert(version: Path, images_u8: np.ndarray, out: Path) -> Path:
    if (out / "reference.json").is_file():
        return out
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", images_u8)
    argv = [sys.executable, "-m", "bench.convert", str(version), str(out / "images.npy"), str(out)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"the model can't be converted: {done.stderr.strip()[-400:]}")
    return out
