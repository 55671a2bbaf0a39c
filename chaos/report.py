"""The table: what was done, what became of every request, and how long it took."""

import math
from collections.abc import Sequence
from typing import Any

from chaos.row import Row

_HEAD = (
    "fault", "load", "sent", "answered", "wrong", "refused honestly", "failed", "lost", "noticed after",
    "recovered after", "kept",
)  # fmt: skip


def markdown(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """Return the whole report.

    Args:
        rows: What was tried.
        about: Date, commit, command, machine and packages.
    """
    machine = about["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(about["packages"].items()))
    return "\n".join(
        [
            f"Measured {about['date']} at commit `{about['commit']}` with `{about['command']}`; load and stack share "
            "the cores.",
            "",
            *table(rows),
            "",
            *(f"- {row.fault}: {'; '.join(row.notes)}" for row in rows if row.notes),
            "",
            *(f"- **Broken**: {row.fault}: {what}" for row in rows for what in row.broken),
            *(f"- Not tried: {row.fault}: {row.skipped}" for row in rows if row.skipped),
            "",
            f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, kernel "
            f"{machine['kernel']}, Python {machine['python']}; load average before: {machine['load_before'][0]}. "
            f"{packages}.",
            "",
        ]
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Return the table's lines."""
    lines = [_HEAD, ["---"] * len(_HEAD), *map(_cells, rows)]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def _cells(row: Row) -> list[str]:
    tally = row.tally
    counts = ["–"] * 6
    if tally is not None:
        refused = f"{tally.refused.total():,}"
        if tally.refused:
            refused += f" ({', '.join(f'`{code}`' for code in sorted(tally.refused))})"
        counts = [
            f"{tally.sent:,}", f"{tally.answered:,}", f"{len(tally.wrong):,}", refused, f"{len(tally.failed):,}",
            f"{len(tally.lost):,}",
        ]  # fmt: skip
    verdict = "not tried" if row.skipped else "**no**" if row.broken else "yes"
    return [row.fault, row.load or "–", *counts, _seconds(row.noticed_s), _seconds(row.recovered_s), verdict]


def _seconds(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.1f} s"
