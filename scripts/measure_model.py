"""Measures an exported model: accuracy on MNIST's test set, µs an image on one thread, size. Writes Markdown.

    python scripts/measure_model.py                       the published model
    python scripts/measure_model.py path/to/model.pt      another one

The time is that of the network alone, as one Triton instance runs it, without Triton and the network between.
"""

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer import export
from trainer.console import Console
from trainer.data import Images, load_dataset
from trainer.errors import TrainerError
from trainer.evaluate import accuracy
from trainer.repository import Repository
from trainer.settings import Settings

BATCH_SIZES = (1, 8, 32, 128)
WARM_UP_RUNS = 20
REPEATS = 25
IMAGES_A_REPEAT = 1024


def main() -> None:
    """Measure, and print what a page of benchmarks needs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="a model.pt; default: the published one")
    chosen: Path | None = parser.parse_args().model
    try:
        print(report(chosen, Settings()))
    except (TrainerError, OSError) as exc:
        raise SystemExit(f"error: {exc}") from exc


def report(chosen: Path | None, settings: Settings) -> str:
    """Return the figures of a model file as Markdown."""
    path = chosen or published(settings)
    data = path.read_bytes()
    network = export.load(data)
    dataset = load_dataset(settings, Console())
    torch.set_num_threads(1)
    lines = [
        f"- Accuracy on {dataset.name}'s test set ({len(dataset.test):,} images): "
        f"**{100 * accuracy(network, dataset.test, export.CPU):.2f} %**",
        f"- File: {len(data) / 1e3:.0f} kB, {count_values(network):,} parameters after folding",
        f"- Machine: {cpu_model()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}",
        "",
        "| images a batch | µs an image, median | fastest | slowest tenth from | images a second |",
        "|---:|---:|---:|---:|---:|",
    ]
    for size in BATCH_SIZES:
        times_us = sorted(measure(network, dataset.test, size))
        median_us = statistics.median(times_us)
        slow_us = times_us[int(0.9 * len(times_us))]
        lines.append(f"| {size} | {median_us:.1f} | {times_us[0]:.1f} | {slow_us:.1f} | {1e6 / median_us:,.0f} |")
    return "\n".join(lines)


def published(settings: Settings) -> Path:
    """Return the published model's file, checked against its manifest."""
    repository = Repository(settings.model_repository, settings.model_name)
    version = repository.served()
    if version is None:
        raise SystemExit(f"error: nothing is published in {repository.folder}; `make train` does it")
    repository.model(version)
    return repository.folder / str(version) / export.MODEL_FILE


@torch.inference_mode()
def measure(network: nn.Module, images: Images, size: int) -> list[float]:
    """Return µs an image for each repeat, on real images in batches of ``size``."""
    batches: tuple[Tensor, ...] = torch.split(images.images_u8[:IMAGES_A_REPEAT], size)
    for batch in batches[:WARM_UP_RUNS]:
        network(batch)
    times_us = []
    for _ in range(REPEATS):
        started_ns = time.perf_counter_ns()
        for batch in batches:
            network(batch)
        times_us.append((time.perf_counter_ns() - started_ns) / 1e3 / IMAGES_A_REPEAT)
    return times_us


def count_values(network: nn.Module) -> int:
    """Return the floats in the frozen graph: weights and biases, batch norms folded in."""
    constants = network.code_with_constants[1].const_mapping.values()
    return sum(constant.numel() for constant in constants if isinstance(constant, Tensor))


def cpu_model() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
