"""Measures exported models: accuracy on MNIST's test set, µs an image on one thread, size. Writes Markdown.

    python scripts/measure_model.py                       the published model
    python scripts/measure_model.py FILE…                 others, model.onnx or model.pt

The time is the model's alone, as one Triton instance runs it, without Triton and gRPC. Several files are measured in
turns, so that a change of the machine's speed affects all of them.
"""

import argparse
import math
import os
import platform
import statistics
import time
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from modelrepo.formats import FORMATS, FormatName
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.digits import export
from trainer.digits.data import Images, load_dataset
from trainer.digits.evaluate import accuracy
from trainer.errors import COMMAND_ERRORS
from trainer.settings import Settings

BATCH_SIZES = (1, 8, 32, 128)
WARM_UP_RUNS = 20
REPEATS = 25
IMAGES_A_REPEAT = 1024


def main() -> None:
    """Measure, and print Markdown for docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="model.onnx, model.pt; default: the published model")
    chosen: list[Path] = parser.parse_args().files
    try:
        print(report(chosen, Settings()))
    except (*COMMAND_ERRORS, OSError) as exc:
        raise SystemExit(f"error: {exc}") from exc


def report(chosen: list[Path], settings: Settings) -> str:
    """Return the figures of model files as Markdown."""
    paths = chosen or [published(settings)]
    names = [format_of(path) for path in paths]
    files = [path.read_bytes() for path in paths]
    torch.set_num_threads(1)
    networks = [export.load(data, name) for data, name in zip(files, names, strict=True)]
    dataset = load_dataset(settings, Console())
    lines = [
        f"- Machine: {cpu_model()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}"
    ]
    for network, name, data in zip(networks, names, files, strict=True):
        share = accuracy(network, dataset.test, export.CPU)
        lines.append(
            f"- {FORMATS[name].title}: **{100 * share:.2f} %** of {dataset.name}'s {len(dataset.test):,} test images, "
            f"{len(data) / 1e3:.0f} kB, {count_values(network, name, data):,} values after folding"
        )
    lines += [
        "",
        "| file | images a batch | µs an image, median | fastest | slowest tenth from | images a second |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for size in BATCH_SIZES:
        for name, times_us in zip(names, measure(networks, dataset.test, size), strict=True):
            median_us = statistics.median(times_us)
            slow_us = sorted(times_us)[int(0.9 * len(times_us))]
            figures = f"{median_us:.1f} | {min(times_us):.1f} | {slow_us:.1f} | {1e6 / median_us:,.0f}"
            lines.append(f"| {FORMATS[name].title} | {size} | {figures} |")
    return "\n".join(lines)


def published(settings: Settings) -> Path:
    """Return the published model's file, checked against its manifest."""
    repository = Repository(settings.model_repository, settings.model_name)
    version = repository.served()
    if version is None:
        raise SystemExit(f"error: no model is published in {repository.folder}; run `make train` first")
    repository.model(version)
    return repository.model_path(version)


def format_of(path: Path) -> FormatName:
    """Return the format of a model's file, by its ending."""
    for name, kind in FORMATS.items():
        if path.suffix == Path(kind.file).suffix:
            return name
    raise SystemExit(f"error: {path} is neither {' nor '.join(kind.file for kind in FORMATS.values())}")


@torch.inference_mode()
def measure(networks: list[nn.Module], images: Images, size: int) -> list[list[float]]:
    """Return µs an image of each network for each repeat, on real images in batches of ``size``."""
    batches: tuple[Tensor, ...] = torch.split(images.images_u8[:IMAGES_A_REPEAT], size)
    for network in networks:
        for batch in batches[:WARM_UP_RUNS]:
            network(batch)
    times_us: list[list[float]] = [[] for _ in networks]
    for _ in range(REPEATS):
        for network, times in zip(networks, times_us, strict=True):
            started_ns = time.perf_counter_ns()
            for batch in batches:
                network(batch)
            times.append((time.perf_counter_ns() - started_ns) / 1e3 / IMAGES_A_REPEAT)
    return times_us


def count_values(network: nn.Module, name: FormatName, data: bytes) -> int:
    """Return the number of floats in the graph: weights and biases, with batch norms folded in."""
    if name == "onnx":
        return sum(math.prod(tensor.dims) for tensor in onnx.load_from_string(data).graph.initializer)
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
