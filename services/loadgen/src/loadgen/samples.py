"""The digits that the users send: a small sample of MNIST's test images."""

import base64
import itertools
import json
from importlib.resources import files
from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One image, ready to send."""

    png: bytes
    json_body: bytes  # of POST /predict
    label: int


def load_samples() -> list[Sample]:
    """Return the samples in ``digits.npz``: 200 images, 20 a digit."""
    with (files("loadgen") / "digits.npz").open("rb") as file, np.load(file) as archive:
        offsets, blob, labels = archive["offsets"], archive["png"].tobytes(), archive["labels"]
    pngs = [blob[start:stop] for start, stop in itertools.pairwise(offsets)]
    return [Sample(png, _json_body(png), int(label)) for png, label in zip(pngs, labels, strict=True)]


def _json_body(png: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(png).decode()}).encode()
