"""The report in Markdown: the conditions, the table, and further figures."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.result import Result

BEGIN, END = "<!-- begin: python -m chaos -->", "<!-- end: python -m chaos -->"
_HEAD = (
    "fault", "load", "sent", "answered", "wrong", "refused", "failed", "resent", "noticed", "recovered", "held",
    "reason",
)  # fmt: skip
_MAX_REASON = 200


def markdown(results: Sequence[Result], conditions: dict[str, Any]) -> str:
    """Return the report.

    Args:
        results: The results, in the order of the run.
        conditions: Date, duration, commit, command, bounds, machine and packages.
    """
    machine, bounds = conditions["machine"], conditions["bounds"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(conditions["packages"].items()))
    return "\n".join(
        [
            f"`{conditions['command']}` at commit `{conditions['commit']}`, {conditions['date']}, "
            f"{conditions['minutes']:.0f} min: {summary(results)}",
            "",
            f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, kernel "
            f"{machine['kernel']}, Python {machine['python']}, {packages}. Load generator and stack share the cores. "
            f"Load average before the run: {machine['load_before'][0]}. Bounds: noticed within "
            f"{bounds['noticed_s']:g} s, recovered within {bounds['recovered_s']:g} s, goodput at least "
            f"{bounds['goodput']:g} of the peak, memory at most × {bounds['growth']:g}, median refusal at most "
            f"{bounds['refusal']:g} of the median answer; with one of two Tritons hung or slow, answers within "
            f"{bounds['delayed_s']:g} s, and after that a median at most × {bounds['slowdown']:g}.",
            "",
            *table(results),
            "",
            *(f"- {result.fault}: {'; '.join(result.notes)}" for result in results if result.notes),
            "",
        ]
    )


def summary(results: Sequence[Result]) -> str:
    """Return the numbers of faults by verdict."""
    verdicts = [result.verdict for result in results]
    return (
        f"{len(results)} faults, all guarantees held in {verdicts.count('yes')}, violated in {verdicts.count('no')}, "
        f"not run {verdicts.count('not run')}."
    )


def table(results: Sequence[Result]) -> list[str]:
    """Return the table's lines."""
    lines = [_HEAD, ["---"] * len(_HEAD), *map(_cells, results)]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def insert(report: str, page: Path) -> None:
    """Replace the part of a page between the two marker comments.

    Raises:
        ValueError: The page lacks a marker.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} needs the lines '{BEGIN}' and '{END}' around the place of the table")
    page.write_text(f"{before}{BEGIN}\n{report.strip()}\n{END}{after}")


def _cells(result: Result) -> list[str]:
    counts = result.counts
    numbers = ["–"] * 6
    if counts is not None:
        refused = f"{counts.refused.total():,}"
        if counts.refused:
            refused += f" ({', '.join(f'`{code}`' for code in sorted(counts.refused))})"
        numbers = [
            f"{counts.sent:,}", f"{counts.answered:,}", f"{len(counts.wrong):,}", refused, f"{len(counts.failed):,}",
            f"{len(counts.resent):,}",
        ]  # fmt: skip
    held = "**no**" if result.violations else result.verdict
    reason = result.reason if len(result.reason) <= _MAX_REASON else f"{result.reason[:_MAX_REASON]}…"
    times = [_seconds(result.noticed_s), _seconds(result.recovered_s)]
    return [result.fault, result.load or "–", *numbers, *times, held, reason]


def _seconds(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.1f} s"
