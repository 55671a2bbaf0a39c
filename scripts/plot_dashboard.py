"""Draws the dashboard's panels from a running Prometheus, with the dashboard's very queries, where there is no Grafana.

    plot_dashboard.py --url http://127.0.0.1:9090 --last 600 --mark 120=overload docs/dashboard.png

Needs what bench/requirements/plot.txt lists.
"""

import argparse
import json
import math
import re
import time
import urllib.parse
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

DASHBOARD = Path(__file__).resolve().parent.parent / "deploy/monitoring/grafana/dashboards/stack.json"
WIDTH_CELLS, CELL_IN = 24, (0.62, 0.34)  # Grafana's grid; a cell's width and height in inches
COLOURS = {"green": "#37872d", "red": "#c4162a", "text": "#1f2328", "transparent": "#1f2328"}


class Span(NamedTuple):
    """A piece of time.

    Args:
        url: Prometheus.
        start: Seconds since 1970.
        end: The same.
        marks: What happened, by the seconds after the start.
    """

    url: str
    start: float
    end: float
    marks: dict[float, str]

    @property
    def step_s(self) -> int:
        """Seconds between two points."""
        return max(1, math.ceil((self.end - self.start) / 600))

    def ask(self, expression: str, *, is_instant: bool) -> list[dict[str, Any]]:
        """Return the series of an expression over the time, or at its end."""
        start = self.end if is_instant else self.start
        query = {"query": expression, "start": start, "end": self.end, "step": self.step_s}
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(query)}") as answer:
            series: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return series


class Line(NamedTuple):
    """One series as it is drawn: seconds after the start, and values."""

    name: str
    seconds: list[float]
    values: list[float]


def lines_of(panel: dict[str, Any], span: Span) -> list[Line]:
    """Return everything that a panel shows, each under its legend."""
    found = []
    for target in panel["targets"]:
        for series in span.ask(target["expr"], is_instant=target["instant"]):
            labels = series["metric"]
            name = re.sub(r"{{(\w+)}}", lambda match, labels=labels: labels.get(match[1], ""), target["legendFormat"])
            points = with_gaps([(float(at) - span.start, float(value)) for at, value in series["values"]], span.step_s)
            found.append(Line(name, [at for at, _ in points], [value for _, value in points]))
    return found


def with_gaps(points: list[tuple[float, float]], step_s: float) -> list[tuple[float, float]]:
    """Return points with one that is nothing wherever some are missing, so that no line bridges them."""
    result = points[:1]
    for former, point in pairwise(points):
        if point[0] - former[0] > step_s * 1.5:
            result.append((former[0] + step_s, math.nan))
        result.append(point)
    return result


def written(value: float, unit: str) -> str:
    """Return a value with its unit, in few characters."""
    if unit == "percentunit":
        return f"{value:.2%}" if value < 1 else f"{value:.0%}"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:,.4g}" + {"reqps": " /s", "ops": " /s", "µs": " µs"}.get(unit, "")


def draw_numbers(axes: Axes, panel: dict[str, Any], span: Span) -> None:
    """Draw what each series came to in the end."""
    axes.set_axis_off()
    defaults = panel["fieldConfig"]["defaults"]
    words = {key: shown for mapping in defaults.get("mappings", ()) for key, shown in mapping["options"].items()}
    alarm = alarm_of(panel)
    lines = lines_of(panel, span)
    for place, line in enumerate(lines):
        value = line.values[-1]
        shown = words.get(f"{value:g}", {"text": written(value, defaults.get("unit", ""))})
        colour = shown.get("color", "text" if alarm is None else "green" if value < alarm else "red")
        text = line.name if panel["options"]["textMode"] == "name" else f"{line.name}  {shown['text']}"
        height = 1 - (place + 0.5) / max(len(lines), 1)
        axes.text(0.5, height, text, ha="center", va="center", color=COLOURS[colour], fontsize=9, weight="bold")


def draw_lines(axes: Axes, panel: dict[str, Any], span: Span) -> None:
    """Draw series over the time, one on the other where they add up."""
    defaults = panel["fieldConfig"]["defaults"]
    lines = lines_of(panel, span)
    is_stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    if is_stacked:
        lines = stacked(lines)
    below: list[float] = []
    for line in lines:
        [drawn] = axes.plot(line.seconds, line.values, linewidth=1.1, label=line.name)
        if is_stacked:
            axes.fill_between(line.seconds, below or 0, line.values, alpha=0.3, color=drawn.get_color())
            below = line.values
    if (alarm := alarm_of(panel)) is not None:
        axes.axhline(alarm, color="#c4162a", linestyle="--", linewidth=0.8)
    axes.set_ylim(0, defaults.get("max"))
    axes.yaxis.set_major_formatter(lambda value, _: written(value, defaults.get("unit", "")))
    if lines:
        axes.legend(fontsize=6, loc="upper left", ncols=2, framealpha=0.6)


def stacked(lines: list[Line]) -> list[Line]:
    """Return lines each of which is on top of those before; a gap counts as nothing."""
    seconds = sorted({at for line in lines for at in line.seconds})
    heights = dict.fromkeys(seconds, 0.0)
    result = []
    for line in lines:
        for at, value in zip(line.seconds, line.values, strict=True):
            heights[at] += 0 if math.isnan(value) else value
        result.append(Line(line.name, seconds, [heights[at] for at in seconds]))
    return result


def draw_times(axes: Axes, panel: dict[str, Any], span: Span) -> None:
    """Draw a bar for as long as something was the case."""
    lines = lines_of(panel, span)
    for place, line in enumerate(lines):
        on = [(at, span.step_s) for at, value in zip(line.seconds, line.values, strict=True) if value == 1]
        axes.broken_barh(on, (place - 0.4, 0.8), color="#c4162a")
    axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize=6)
    axes.set_ylim(-0.6, max(len(lines), 1) - 0.4)
    axes.invert_yaxis()


def alarm_of(panel: dict[str, Any]) -> float | None:
    """Return the limit that a panel is given, if there is one."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return next((step["value"] for step in steps if step["value"] is not None), None)


DRAW = {"stat": draw_numbers, "timeseries": draw_lines, "state-timeline": draw_times}


def picture(span: Span) -> plt.Figure:
    """Return the dashboard, laid out as it is in Grafana."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    height_cells = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    mpl.rcParams.update({"font.size": 7, "axes.grid": True, "grid.alpha": 0.25})
    figure = plt.figure(figsize=(WIDTH_CELLS * CELL_IN[0], height_cells * CELL_IN[1]))
    for panel in panels:
        place = panel["gridPos"]
        left, top = place["x"] / WIDTH_CELLS, 1 - place["y"] / height_cells
        width, height = place["w"] / WIDTH_CELLS, place["h"] / height_cells
        if panel["type"] == "row":
            figure.text(0.012, top - height * 0.75, panel["title"], fontsize=12, weight="bold")
            continue
        box = (left + 0.042, top - height + 0.014, width - 0.052, height - 0.028)
        axes = figure.add_axes(box)
        axes.set_title(panel["title"], fontsize=8, loc="left", pad=9)
        DRAW[panel["type"]](axes, panel, span)
        if panel["type"] != "stat":
            mark(axes, span)
    story = "     ".join(f"{number}  {what}" for number, what in enumerate(span.marks.values(), 1))
    figure.text(0.99, 1 - 0.75 / height_cells, story, fontsize=8, color="#57606a", ha="right")
    return figure


def mark(axes: Axes, span: Span) -> None:
    """Put the time below a panel, in minutes, and a number to each thing that happened."""
    axes.set_xlim(0, span.end - span.start)
    axes.xaxis.set_major_locator(plt.MultipleLocator(60))
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds / 60:g} min")
    for number, at in enumerate(span.marks, 1):
        axes.axvline(at, color="#57606a", linewidth=0.7, linestyle=":")
        axes.text(at, 1.01, str(number), transform=axes.get_xaxis_transform(), fontsize=6, color="#57606a", ha="center")


def main() -> None:
    """Read the command line and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:9090")
    parser.add_argument("--last", type=float, default=600, help="seconds to show, up to now or to --end")
    parser.add_argument("--end", type=float, default=None, help="seconds since 1970")
    parser.add_argument("--mark", action="append", default=[], help="SECONDS=WHAT happened so long after the start")
    args = parser.parse_args()
    end = args.end or time.time()
    marks = {float(at): what for at, _, what in (text.partition("=") for text in args.mark)}
    picture(Span(args.url, end - args.last, end, marks)).savefig(args.output, dpi=90)
    # A palette of 128 colours is a third of the size, and enough for lines and letters.
    Image.open(args.output).convert("RGB").quantize(128).save(args.output, optimize=True)


if __name__ == "__main__":
    main()
