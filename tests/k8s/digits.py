"""Digits that the deployed model reads with the least doubt, so that another answer to one of them is a fault."""

import base64
import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from sklearn.datasets import load_digits

from tests.support.images import png

CANDIDATES, TAKEN = 300, 100


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
    """Return the candidates that the model behind an api reads right and with the least doubt."""
    with httpx.Client(base_url=url, timeout=30) as client, ThreadPoolExecutor(4) as pool:

        def certainty(candidate: tuple[str, int]) -> float:
            response = client.post("/predict", json={"image": candidate[0]})
            assert response.status_code == 200, response.text
            answer = response.json()
            return max(answer["probabilities"]) if answer["prediction"] == candidate[1] else 0

        found = candidates()
        certain = dict(zip(found, pool.map(certainty, found), strict=True))
    best = sorted(certain, key=certain.__getitem__)[-TAKEN:]
    assert certain[best[0]] > 0.5, f"the model reads fewer than {TAKEN} of {CANDIDATES} digits right"
    return best
