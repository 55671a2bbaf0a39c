"""Digits that the deployed model reads without doubt, so that every other answer to one of them is a fault."""

import base64
import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from sklearn.datasets import load_digits

from tests.support.images import png

CANDIDATES, LEAST = 300, 100
LEAST_PROBABILITY = 0.99


def mnist_folder() -> Path | None:
    """Return the folder with MNIST's files; None where this machine has none, and the trainer takes smaller digits."""
    folder = os.environ.get("TRAINER_DATA_DIR")
    return Path(folder) if folder and (Path(folder) / "t10k-images-idx3-ubyte.gz").is_file() else None


def candidates() -> list[tuple[str, int]]:
    """Return images in base64 and their labels."""
    folder = mnist_folder()
    if folder:
        pixels = np.frombuffer(gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
        images, labels = (
            pixels.reshape(-1, 28, 28),
            gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:],
        )
    else:
        data = load_digits()
        images, labels = (data.images * 15).astype(np.uint8), data.target
    return [(base64.b64encode(png(images[i])).decode(), int(labels[i])) for i in range(CANDIDATES)]


def clear_digits(url: str) -> list[tuple[str, int]]:
    """Return the candidates that the model behind an api reads right and with hardly any doubt."""
    with httpx.Client(base_url=url, timeout=30) as client, ThreadPoolExecutor(4) as pool:

        def is_clear(candidate: tuple[str, int]) -> bool:
            response = client.post("/predict", json={"image": candidate[0]})
            assert response.status_code == 200, response.text
            answer = response.json()
            return answer["prediction"] == candidate[1] and max(answer["probabilities"]) > LEAST_PROBABILITY

        found = candidates()
        clear = [one for one, is_one in zip(found, pool.map(is_clear, found), strict=True) if is_one]
    assert len(clear) >= LEAST, f"the model reads only {len(clear)} of {CANDIDATES} digits without doubt"
    return clear
