"""Compares a model's answers on the CPU with those on CUDA: in PyTorch here, and through a running stack.

    python scripts/compare_devices.py                                   the published model, PyTorch on CPU and CUDA
    python scripts/compare_devices.py --api http://127.0.0.1:8888       the stack's answers too
    python scripts/compare_devices.py path/to/model.pt                  another file
    python scripts/compare_devices.py --device cpu --api URL            the stack alone, on a machine without CUDA

Prints the largest difference of a probability over the load test's 200 digits, and the number of labels that differ.
Exit codes: 0 the same within 0.01, 1 not the same, 2 nothing was compared, as on a machine without CUDA.
"""

import argparse
import io
import json
import sys
from pathlib import Path
from typing import NoReturn
from urllib.request import Request, urlopen

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from loadgen.samples import load_samples
from modelrepo.repository import Repository
from trainer.digits.evaluate import log_probabilities
from trainer.digits.probe import MAX_PROBABILITY_DIFFERENCE
from trainer.errors import COMMAND_ERRORS
from trainer.settings import Settings

CPU = torch.device("cpu")
IMAGES_A_CALL = 100
TIMEOUT_S = 30.0


def main() -> None:
    """Compare, print, and end with the result as exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="a model.pt; default: the published one")
    parser.add_argument("--api", metavar="URL", help="an api whose Triton runs the same model on a GPU")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="PyTorch's second device (cuda)")
    options = parser.parse_args()
    try:
        if options.device == "cuda" and not torch.cuda.is_available():
            give_up("PyTorch finds no CUDA device on this machine, so there is nothing to compare the CPU with")
        path = options.model or published(Settings())
        sys.exit(0 if compare(path, options.api, torch.device(options.device)) else 1)
    except (*COMMAND_ERRORS, OSError, RuntimeError) as exc:
        give_up(str(exc).splitlines()[0])


def give_up(reason: str) -> NoReturn:
    """End with one line that says why."""
    print(f"compare_devices: {reason}", file=sys.stderr)
    sys.exit(2)


def published(settings: Settings) -> Path:
    """Return the published model's file, which has to be TorchScript: PyTorch doesn't run ONNX."""
    repository = Repository(settings.model_repository, settings.model_name)
    version = repository.served()
    if version is None:
        give_up(f"nothing is published in {repository.folder}; train first")
    path = repository.folder / str(version) / "model.pt"
    if not path.is_file():
        give_up(f"version {version} in {repository.folder} has no model.pt; train on CUDA, or name a file")
    return path


def compare(path: Path, api: str | None, device: torch.device) -> bool:
    """Print how far the device and the api lie from the CPU; return whether all are within tolerance."""
    samples = load_samples()
    digits = np.stack([np.asarray(Image.open(io.BytesIO(sample.png)).convert("L")) for sample in samples])
    images_u8 = torch.from_numpy(digits)[:, None]  # (N, 1, 28, 28)
    print(f"{len(samples)} digits, {path}")
    wanted = by_pytorch(path, images_u8, CPU)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU again"
    same = report(f"PyTorch on {name}", wanted, by_pytorch(path, images_u8, device))
    if api:
        same &= report(api, wanted, by_api(api, [sample.json_body for sample in samples]))
    return same


def by_pytorch(path: Path, images_u8: Tensor, device: torch.device) -> Tensor:
    """Return (N, 10) float32 probabilities from the file on a device."""
    network = torch.jit.load(str(path), map_location=device).eval()
    return log_probabilities(network, images_u8, device).exp()


def by_api(url: str, bodies: list[bytes]) -> Tensor:
    """Return (N, 10) float32 probabilities from a running api."""
    images = [json.loads(body)["image"] for body in bodies]
    answers = []
    for start in range(0, len(images), IMAGES_A_CALL):
        data = json.dumps({"images": images[start : start + IMAGES_A_CALL]}).encode()
        call = Request(f"{url.rstrip('/')}/predict/batch", data, {"content-type": "application/json"})
        with urlopen(call, timeout=TIMEOUT_S) as reply:
            answers += json.load(reply)["predictions"]
    return torch.tensor([answer["probabilities"] for answer in answers], dtype=torch.float32)


def report(what: str, wanted: Tensor, found: Tensor) -> bool:
    """Print the largest difference; return whether it is small enough and every label the same."""
    difference = float((wanted - found).abs().max())
    changed = int((wanted.argmax(1) != found.argmax(1)).sum())
    # Written so that a NaN fails too.
    same = changed == 0 and difference <= MAX_PROBABILITY_DIFFERENCE
    verdict = "same" if same else "NOT the same"
    print(f"{what}: largest difference of a probability {difference:.2g}, {changed} labels differ: {verdict}")
    return same


if __name__ == "__main__":
    main()
