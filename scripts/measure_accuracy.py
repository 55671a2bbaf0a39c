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
from tests.support.pictures.further_kinds import NO_DIGIT  # noqa: E402
from tests.support.pictures.samples import GROUPS, samples_of, without_digit  # noqa: E402
from trainer.console import Console  # noqa: E402
from trainer.digits import export  # noqa: E402
from trainer.digits.data import Dataset, Images, load_dataset  # noqa: E402
from trainer.digits.evaluate import log_probabilities  # noqa: E402
from trainer.errors import COMMAND_ERRORS  # noqa: E402
from trainer.settings import Settings  # noqa: E402

BINS = 15
PAGE = ROOT / "docs/accuracy.md"
FLOOR = 0.9
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


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


def no_digits(reader: Reader, count: int) -> dict[str, list[Reading]]:
    """Read pictures that show no digit."""
    return {name: [reader.read(data, -1) for data in without_digit(name, count)] for name in NO_DIGIT}


def table_without_digit(rows: dict[str, list[Reading]]) -> list[str]:
    """Return Markdown lines about pictures that show no digit."""
    lines = ["| picture | refused (`no_digit_found`) | `low_confidence` | confidence of the others, median |"]
    lines.append("|---|---:|---:|---:|")
    for name, readings in rows.items():
        answered = [r.confidence for r in readings if r.digit is not None]
        low = sum(confidence < warnings.MIN_CONFIDENCE for confidence in answered)
        sure = [confidence for confidence in answered if confidence >= warnings.MIN_CONFIDENCE]
        middle = f"{np.median(sure):.2f}" if sure else "–"
        lines.append(f"| {name} | {len(readings) - len(answered)} of {len(readings)} | {low} | {middle} |")
    return lines


def thresholds(pictures: list[Reading], others: list[Reading], of_mnist: list[Reading]) -> list[str]:
    """Return Markdown lines: what share of right and wrong answers a threshold of the confidence would warn of."""
    sets = {
        "MNIST, right": [r for r in of_mnist if r.is_right],
        "pictures, right": [r for r in pictures if r.is_right],
        "pictures, wrong": [r for r in pictures if r.digit is not None and not r.is_right],
        "no digit, answered": [r for r in others if r.digit is not None],
    }
    head = " | ".join(f"{name} ({len(readings):,})" for name, readings in sets.items())
    lines = [f"| confidence below | {head} | wrong among those warned of |", "|---:|" + "---:|" * (len(sets) + 1)]
    for level in THRESHOLDS:
        low = {name: sum(r.confidence < level for r in readings) for name, readings in sets.items()}
        cells = " | ".join(f"{100 * low[name] / max(1, len(sets[name])):.1f} %" for name in sets)
        bad = low["pictures, wrong"] + low["no digit, answered"]
        lines.append(f"| {level} | {cells} | {100 * bad / max(1, bad + low['pictures, right']):.0f} % |")
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
    images_u8, labels = test.images_u8[:, 0].numpy(), test.labels.numpy()
    of_mnist = mnist(network, test)
    as_sent = float((log_probabilities(network, test.images_u8, export.CPU).argmax(1) == test.labels).double().mean())
    groups = {
        title: {name: [reader.read(*each) for each in samples_of(name, images_u8, labels, count)] for name in names}
        for title, names in GROUPS.items()
    }
    if folder is not None:
        listed = {name: [reader.read(*each) for each in files] for name, files in in_folder(folder).items()}
        groups["Examples of other origin"] = listed
    others = no_digits(reader, count)
    pictures = [r for rows in groups.values() for readings in rows.values() for r in readings]
    lines = [*introduction(of_mnist, as_sent, pictures)]
    for title, rows in groups.items():
        lines += [f"## {title}", "", summary("Together", rows), "", *table(rows), ""]
    nothing = [r for readings in others.values() for r in readings]
    lines += ["## Pictures without a digit", "", *table_without_digit(others), ""]
    lines += ["## The threshold of `low_confidence`", "", *thresholds(pictures, nothing, of_mnist), ""]
    return "\n".join(lines)


def introduction(of_mnist: list[Reading], as_sent: float, pictures: list[Reading]) -> list[str]:
    """Return the page's first lines: how it is made, MNIST's own images, and the method of calibration."""
    share = sum(r.is_right for r in of_mnist) / len(of_mnist)
    return [
        "# Accuracy",
        "",
        "`make accuracy` measures the published model behind the api's clean-up and writes this page. The pictures are "
        "made from MNIST's test images, by seed (`tests/support/pictures`); a kind under 90 % is in bold. The clean-up "
        "is described in [request-flow.md](request-flow.md#the-digit-task).",
        "",
        "## MNIST's own test images",
        "",
        f"**{100 * share:.2f} %** of {len(of_mnist):,} behind the clean-up, {100 * as_sent:.2f} % without it.",
        "",
        "## Calibration",
        "",
        f"Expected calibration error: **{calibration_error(of_mnist):.4f}** on MNIST's test images, "
        f"**{calibration_error(pictures):.4f}** on all {len(pictures):,} pictures below that show a digit. Over {BINS} "
        "bins of equal width of the confidence ([Guo et al., 2017](https://arxiv.org/abs/1706.04599)), weighted by the "
        "pictures in a bin; refused pictures have no confidence and don't count.",
        "",
    ]


def main() -> None:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="model.onnx, model.pt; default: the published model")
    parser.add_argument("--count", type=int, default=100, help="pictures of each kind (100)")
    parser.add_argument("--pictures", type=Path, help="a folder with labels.csv and the files that it lists")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    args = parser.parse_args()
    try:
        settings = Settings(dataset="mnist")
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
    return "\n" + head + old.partition(head)[2] if head in old else ""


if __name__ == "__main__":
    main()
