"""What a load test leaves behind: CSV, JSON, a picture and a page that shows them."""

import base64
import csv
import html
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import environment
from bench.errors import BenchError
from bench.loadtest import knee
from bench.loadtest.step import Step
from bench.paths import BENCH, ROOT
from bench.report import table

_STYLE = "body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}td,th{padding:.2rem .7rem;"
_STYLE += "text-align:right;border-bottom:1px solid #ddd}img{max-width:100%}code{overflow-wrap:anywhere}"


def rows(steps: Sequence[Step], unit: str) -> tuple[list[str], list[list[str]]]:
    """Return the table's head and its lines."""
    head = [unit, "requests/s", "p50, ms", "p95, ms", "p99, ms", "failed", "rows an execution", "queue share in Triton"]
    head += ["busiest generator process", "machine idle", "api memory, MiB"]
    return head, [
        [
            f"{step.level:,.0f}", f"{step.rate:,.0f}", f"{step.p50_ms:.0f}", f"{step.p95_ms:.0f}", f"{step.p99_ms:.0f}",
            str(step.failures), _or_dash(step.mean_batch, ".1f"), _or_dash(step.queue_share, ".0%"),
            f"{step.generator_share:.0%}" + (" (!)" if step.is_generator_limited else ""), f"{step.idle_share:.0%}",
            _or_dash(step.api_memory_mib, ".0f"),
        ]
        for step in steps
    ]  # fmt: skip


def warnings(steps: Sequence[Step]) -> list[str]:
    """Return what the figures don't say by themselves."""
    found = []
    limited = [f"{step.level:,.0f}" for step in steps if step.is_generator_limited]
    if limited:
        found.append(
            f"The load generator itself was at its limit at {', '.join(limited)}: one of its processes took over nine "
            "tenths of a core. What was measured there is Locust as much as the stack."
        )
    kinds: dict[str, int] = {}
    for step in steps:
        for kind, count in step.failures_by_kind.items():
            kinds[kind] = kinds.get(kind, 0) + count
    if kinds:
        found.append("Failures: " + "; ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items())))
    return found


def write(folder: Path, about: dict[str, Any], steps: Sequence[Step]) -> str:
    """Write everything into a folder; return the report as Markdown, for the terminal.

    Args:
        folder: Where.
        about: Date, commit, command, machine, packages, ``kind``, ``unit`` and ``title``.
        steps: One or more, by level.
    """
    found = knee.find(steps)
    verdict = {
        "floor_ms": found.floor_ms,
        "last": found.last.level if found.last else None,
        "first_beyond": found.first_beyond.level if found.first_beyond else None,
    }
    words = [] if about["kind"] == "soak" else [knee.sentence(found, about["unit"])]
    words += warnings(steps)
    whole = about | {"knee": verdict, "words": words, "steps": [step.as_dict() for step in steps]}
    (folder / "report.json").write_text(json.dumps(whole, indent=1))
    with (folder / "steps.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(steps[0].as_dict()))
        writer.writeheader()
        writer.writerows(step.as_dict() for step in steps)
    drawn = _draw(folder)
    (folder / "report.html").write_text(_page(folder, about, steps, words, drawn))
    head, lines = rows(steps, about["unit"])
    return "\n\n".join([f"## {about['title']}", table(head, lines), *words, *drawn[1:], _measured_on(about)])


def _draw(folder: Path) -> list[str]:
    """Draw the picture; return ``["report.png"]``, or why there is none after an empty word."""
    try:
        python = environment.prepare("plot") / "python"
    except BenchError as exc:
        return ["", f"No picture: {exc}"]
    argv = [str(python), str(BENCH / "loadtest/plot.py"), str(folder / "report.json"), str(folder / "report.png")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    return ["", f"No picture: {done.stderr.strip()[-300:]}"] if done.returncode else ["report.png"]


def _page(folder: Path, about: dict[str, Any], steps: Sequence[Step], words: Sequence[str], drawn: list[str]) -> str:
    head, lines = rows(steps, about["unit"])
    cells = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
    picture = ""
    if drawn[0]:
        data = base64.b64encode((folder / drawn[0]).read_bytes()).decode()
        picture = f'<img alt="Latency and requests a second over {about["unit"]}" src="data:image/png;base64,{data}">'
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in [*words, *drawn[1:], _measured_on(about)])
    pages = "".join(f'<li><a href="{page.name}">{page.stem}</a></li>' for page in sorted(folder.glob("locust-*.html")))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(about["title"])}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(about['title'])}</h1>{picture}"
        f"<table><tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in head)}</tr>{cells}</table>{paragraphs}"
        f"<p>Locust's own pages:</p><ul>{pages}</ul></html>"
    )


def _measured_on(about: dict[str, Any]) -> str:
    machine = about["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(about["packages"].items()))
    return (
        f"{about['date']}, commit {about['commit']}, `{about['command']}`; {machine['cores']} cores of "
        f"{machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, kernel {machine['kernel']}, Python "
        f"{machine['python']}; load average before: {machine['load_before'][0]}; generator and stack share the cores. "
        f"{packages}."
    )


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
