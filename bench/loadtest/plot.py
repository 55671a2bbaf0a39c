"""Draws a report's picture: ``python plot.py report.json report.png``, in the environment that has matplotlib."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

_LINES = (("p50_ms", "p50", "#1b7837"), ("p95_ms", "p95", "#2166ac"), ("p99_ms", "p99", "#b2182b"))


def main() -> None:
    report, picture = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
    steps = report["steps"]
    is_soak = report["kind"] == "soak"
    at = list(range(1, len(steps) + 1)) if is_soak else [step["level"] for step in steps]
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 7), sharex=True, constrained_layout=True)
    for key, label, colour in _LINES:
        above.plot(at, [step[key] for step in steps], "o-", color=colour, label=label, markersize=4)
    above.set_ylabel("latency, ms")
    above.set_yscale("log")
    above.grid(alpha=0.3, which="both")
    below.plot(at, [step["rate"] for step in steps], "o-", color="#333333", label="answered", markersize=4)
    below.plot(at, [step["level"] for step in steps], ":", color="#999999", label="asked for")
    below.set_ylabel("requests/s")
    below.set_ylim(bottom=0, top=1.15 * max(step["rate"] for step in steps))
    below.grid(alpha=0.3)
    below.set_xlabel("step" if is_soak else report["unit"])
    batch = below.twinx()
    batch.plot(
        at, [step["mean_batch"] for step in steps], "s--", color="#e08214", label="rows an execution", markersize=3
    )
    batch.set_ylabel("rows an execution")
    batch.set_ylim(bottom=0)
    knee = report["knee"]
    if knee["last"] and knee["first_beyond"] and not is_soak:
        for axis in (above, below):
            axis.axvspan(knee["last"], knee["first_beyond"], color="#fee090", alpha=0.6, label="knee")
    above.axhline(knee["floor_ms"], color="#2166ac", linestyle=":", linewidth=1)
    above.legend(loc="upper left")
    lines = [pair for axis in (below, batch) for pair in zip(*axis.get_legend_handles_labels(), strict=True)]
    below.legend(*zip(*lines, strict=True), loc="lower right")
    above.set_title(report["title"], fontsize=10)
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main()
