"""``python -m bench.digits``: what the published digit model reads, and whether its confidence can be believed.

    python -m bench.digits                       the published model
    python -m bench.digits FILE                  another one, model.onnx or model.pt
    python -m bench.digits --fonts DIR           typed digits of the font files in a folder, too

Prints Markdown. The calibration error is the expected one: 15 bins of equal width of the most likely digit's
probability, the mean of |accuracy − mean confidence| over the images.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from bench.digit_sets import DigitSet, digit_sets
from modelrepo.formats import FORMATS, FormatName
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.digits import export
from trainer.digits.data import load_dataset
from trainer.digits.evaluate import log_probabilities
from trainer.digits.temperature import expected_calibration_error
from trainer.errors import COMMAND_ERRORS
from trainer.settings import Settings

SURE = 0.9
HALF = 0.5


def main() -> None:
    """Measure, and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="model.onnx or model.pt; default: the published model")
    parser.add_argument("--fonts", type=Path, help="folder with .ttf or .otf files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    fonts = sorted(arguments.fonts.rglob("*.[to]tf")) if arguments.fonts else []
    try:
        settings = Settings()
        network = export.load(*read(arguments.file, settings))
        test = load_dataset(settings, Console()).test
        print(report(network, digit_sets(test, fonts)))
    except (*COMMAND_ERRORS, OSError) as exc:
        raise SystemExit(f"error: {exc}") from exc


def read(file: Path | None, settings: Settings) -> tuple[bytes, FormatName]:
    """Return a model's file, the published one unless another is given, and its format."""
    if file is None:
        repository = Repository(settings.model_repository, settings.model_name)
        version = repository.served()
        if version is None:
            raise SystemExit(f"error: no model is published in {repository.folder}; run `make train` first")
        return repository.model(version), repository.manifest(version).format
    for name, kind in FORMATS.items():
        if file.suffix == Path(kind.file).suffix:
            return file.read_bytes(), name
    raise SystemExit(f"error: {file} is neither {' nor '.join(kind.file for kind in FORMATS.values())}")


def report(network: nn.Module, sets: Sequence[DigitSet]) -> str:
    """Return a table of the digits and a table of what is no digit."""
    rows = [
        "| digits | images | read right | calibration error | mean confidence |",
        "|---|---:|---:|---:|---:|",
        *(digits_row(network, one) for one in sets if one.has_digits),
        "",
        "| no digits | images | mean confidence | median | confidence of 0.5 or more | of 0.9 or more |",
        "|---|---:|---:|---:|---:|---:|",
        *(others_row(network, one) for one in sets if not one.has_digits),
    ]
    return "\n".join(rows)


def digits_row(network: nn.Module, one: DigitSet) -> str:
    """Return a row: accuracy, calibration error and confidence."""
    answers = log_probabilities(network, one.images.images_u8, export.CPU)
    confidences, predicted = answers.exp().max(1)
    right = float((predicted == one.images.labels).to(torch.float64).mean())
    error = expected_calibration_error(answers, one.images.labels)
    return f"| {one.name} | {len(one.images):,} | {100 * right:.2f} % | {error:.4f} | {float(confidences.mean()):.3f} |"


def others_row(network: nn.Module, one: DigitSet) -> str:
    """Return a row: how confident the network is of shapes that are no digit."""
    confidences = log_probabilities(network, one.images.images_u8, export.CPU).exp().amax(1)
    half, sure = (float((confidences >= least).to(torch.float64).mean()) for least in (HALF, SURE))
    mean, median = float(confidences.mean()), float(confidences.median())
    return f"| {one.name} | {len(one.images):,} | {mean:.2f} | {median:.2f} | {100 * half:.1f} % | {100 * sure:.1f} % |"


if __name__ == "__main__":
    main()
