"""Measures how many pictures of each kind the published model reads behind the api's clean-up. Writes Markdown.

    python scripts/measure_accuracy.py                      print the table
    python scripts/measure_accuracy.py --write              write docs/accuracy.md
    python scripts/measure_accuracy.py --pictures FOLDER    besides, the files that FOLDER/labels.csv lists

The pictures are made from MNIST's test images by the generators in tests/support/pictures, by seed: two runs measure
the same pictures. Nothing is served: files go through the api's decoder and clean-up, and what comes out to the model.
"""

import argparse
import csv
import sys
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from measure_model import format_of, published  # noqa: E402 - beside this file

from api.errors import ApiError  # noqa: E402 - after the path above
from api.settings import Settings as ApiSettings  # noqa: E402
from api.tasks.digits import image, warnings  # noqa: E402
from api.tasks.digits.image_file import open_image  # noqa: E402
from tests.support.pictures.further_kinds import FURTHER, NO_DIGIT  # noqa: E402
from tests.support.pictures.kinds import KINDS, Kind  # noqa: E402
from trainer.console import Console  # noqa: E402
from trainer.digits import export  # noqa: E402
from trainer.digits.data import Dataset, Images, load_dataset  # noqa: E402
from trainer.digits.evaluate import log_probabilities  # noqa: E402
from trainer.errors import COMMAND_ERRORS  # noqa: E402
from trainer.settings import Settings  # noqa: E402

BINS = 15
PAGE = ROOT / "docs/accuracy.md"
TARGET, FLOOR = 0.95, 0.9


class Reading(NamedTuple):
    """What was read in one picture: None where no digit was found."""

    label: int
    digit: int | None
    confidence: float
    took_ms: float

    @property
    def is_right(self) -> bool:
        """Whether it is the digit that was written."""
        return self.digit == self.label


class Reader:
    """The api's clean-up and a network.

    Args:
        network: Digits' log-probabilities for (N, 1, 28, 28) uint8.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        self._max_px = ApiSettings().max_image_px

    def read(self, data: bytes, label: int) -> Reading:
        """Read a file."""
        start_s = time.process_time()
        try:
            found = image.decode(open_image(data, self._max_px))
        except ApiError:
            return Reading(label, None, 0.0, (time.process_time() - start_s) * 1e3)
        took_ms = (time.process_time() - start_s) * 1e3
        scores = log_probabilities(self._network, torch.from_numpy(found.image_u8.copy())[None, None], export.CPU)[0]
        return Reading(label, int(scores.argmax()), float(scores.max().exp()), took_ms)


def pictures_of(name: str, kind: Kind, images: Images, count: int) -> Iterable[tuple[bytes, int]]:
    """Yield files of a kind and their digits, the same ones in every run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for index in rng.integers(0, len(images), count):
        yield kind(images.images_u8[index, 0].numpy(), rng), int(images.labels[index])


def calibration_error(readings: list[Reading]) -> float:
    """Return the expected calibration error: |accuracy − confidence| in 15 bins of equal width, weighted by their size.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017. Pictures without an answer have no confidence.
    """
    answered = [reading for reading in readings if reading.digit is not None]
    confidence = np.array([reading.confidence for reading in answered])
    right = np.array([reading.is_right for reading in answered], float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(BINS)]
    return float(sum(gaps) / max(1, len(answered)))


def table(rows: dict[str, list[Reading]]) -> list[str]:
    """Return Markdown lines: a kind a row."""
    lines = ["| kind | read right | no digit found | ms of CPU, median |", "|---|---:|---:|---:|"]
    for name, readings in rows.items():
        right, none = sum(r.is_right for r in readings), sum(r.digit is None for r in readings)
        rate = f"{100 * right / len(readings):.1f} % ({right} of {len(readings)})"
        mark = "**" if right / len(readings) < FLOOR else ""
        took_ms = float(np.median([r.took_ms for r in readings]))
        lines.append(f"| {name} | {mark}{rate}{mark} | {none} | {took_ms:.1f} |")
    return lines


def summary(title: str, rows: dict[str, list[Reading]]) -> str:
    """Return one line about several kinds."""
    readings = [reading for each in rows.values() for reading in each]
    right = sum(r.is_right for r in readings)
    confident = [r for r in readings if r.digit is not None and not r.is_right]
    warned = sum(r.confidence < warnings.MIN_CONFIDENCE for r in confident)
    return (
        f"{title}: **{100 * right / len(readings):.1f} %** of {len(readings):,} pictures read right, expected "
        f"calibration error {calibration_error(readings):.3f}. Of {len(confident)} wrong answers {warned} have the "
        f"warning `low_confidence`."
    )


def without_digit(reader: Reader, count: int) -> list[str]:
    """Return Markdown lines about pictures that show no digit."""
    lines = ["| picture | refused (`no_digit_found`) | `low_confidence` | confidence of the others, median |"]
    lines.append("|---|---:|---:|---:|")
    for name, make in NO_DIGIT.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        readings = [reader.read(make(rng), -1) for _ in range(count)]
        answered = [r.confidence for r in readings if r.digit is not None]
        low = sum(confidence < warnings.MIN_CONFIDENCE for confidence in answered)
        sure = [confidence for confidence in answered if confidence >= warnings.MIN_CONFIDENCE]
        middle = f"{np.median(sure):.2f}" if sure else "–"
        lines.append(f"| {name} | {count - len(answered)} of {count} | {low} | {middle} |")
    return lines


def mnist(network: torch.nn.Module, images: Images) -> list[Reading]:
    """Read MNIST's test images through the clean-up, as PNG files are after decoding."""
    from api.tasks.digits.clean_up import find_digit  # noqa: PLC0415 - beside its use

    cleaned = np.stack([find_digit(each[0].numpy()).image_u8 for each in images.images_u8])
    scores = log_probabilities(network, torch.from_numpy(cleaned)[:, None], export.CPU)
    rows = zip(images.labels.tolist(), scores.argmax(1).tolist(), scores.max(1).values.exp().tolist(), strict=True)
    return [Reading(label, digit, confidence, 0.0) for label, digit, confidence in rows]


def in_folder(folder: Path) -> dict[str, list[tuple[bytes, int]]]:
    """Return the files that a folder's ``labels.csv`` lists (file, label), by their subfolder."""
    kinds: dict[str, list[tuple[bytes, int]]] = {}
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            kind = kinds.setdefault(str(Path(row["file"]).parent), [])
            kind.append(((folder / row["file"]).read_bytes(), int(row["label"])))
    return kinds


def report(network: torch.nn.Module, dataset: Dataset, count: int, folder: Path | None) -> str:
    """Measure, and return the page."""
    reader, test = Reader(network), dataset.test
    of_mnist = mnist(network, test)
    plain = log_probabilities(network, test.images_u8, export.CPU).argmax(1)
    as_sent = int((plain == test.labels).sum()) / len(test)
    known, further = (
        {n: [reader.read(*each) for each in pictures_of(n, kind, test, count)] for n, kind in kinds.items()}
        for kinds in (KINDS, FURTHER)
    )
    share = sum(r.is_right for r in of_mnist) / len(of_mnist)
    lines = [
        "# Accuracy",
        "",
        "`make accuracy` measures the published model behind the api's clean-up and writes this page. The pictures are "
        "made from MNIST's test images, by seed (`tests/support/pictures`); a kind under 90 % is in bold. The clean-up "
        "is described in [request-flow.md](request-flow.md#the-digit-task).",
        "",
        "## MNIST's own test images",
        "",
        f"**{100 * share:.2f} %** of {len(test):,} behind the clean-up, {100 * as_sent:.2f} % without it; expected "
        f"calibration error {calibration_error(of_mnist):.4f}.",
        "",
        "## Kinds that the clean-up was written for",
        "",
        summary("Together", known),
        "",
        *table(known),
        "",
        "## Kinds that were written afterwards",
        "",
        summary("Together", further),
        "",
        *table(further),
        "",
    ]
    if folder is not None:
        listed = {name: [reader.read(*each) for each in files] for name, files in in_folder(folder).items()}
        lines += ["## Examples of other origin", "", summary("Together", listed), "", *table(listed), ""]
    lines += ["## Pictures without a digit", "", *without_digit(reader, count), ""]
    lines += [
        "Calibration: expected calibration error over 15 bins of equal width of the confidence "
        "([Guo et al., 2017](https://arxiv.org/abs/1706.04599)), weighted by the pictures in a bin; refused pictures "
        "have no confidence and don't count.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="model.onnx, model.pt; default: the published model")
    parser.add_argument("--count", type=int, default=100, help="pictures of each kind (100)")
    parser.add_argument("--pictures", type=Path, help="a folder with labels.csv and the files that it lists")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    args = parser.parse_args()
    try:
        settings = Settings()
        path = args.file or published(settings)
        network = export.load(path.read_bytes(), format_of(path))
        page = report(network, load_dataset(settings, Console()), args.count, args.pictures)
    except (*COMMAND_ERRORS, OSError) as exc:
        raise SystemExit(f"error: {exc}") from exc
    if args.write:
        PAGE.write_text(page + _what_is_misread(), encoding="utf-8")
    else:
        print(page)


def _what_is_misread() -> str:
    """Return the section that people write, as the page has it."""
    head = "## What is still misread"
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return head + old.partition(head)[2] if head in old else ""


if __name__ == "__main__":
    main()
