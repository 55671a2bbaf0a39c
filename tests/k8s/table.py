"""The table of a drill: a row for each thing that happened under load, for the terminal and docs/reliability.md."""

import datetime as dt
import os
import platform
import subprocess
from pathlib import Path

from tests.k8s.load import KINDS, Load

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- begin: make k8s-test -->", "<!-- end: make k8s-test -->"
HEAD = "| meanwhile | sent | failed, new | failed, kept | p50, new / kept | p99, new / kept | notes |"
NOT_SHOWN = (
    "Not shown by this cluster: cluster DNS and metrics are stand-ins (.ci/k8s); NetworkPolicy is stored, not enforced;"
    " Kubernetes 1.20 drops the fields that it doesn't know without a word; one node, so no drain to another, no spread"
    " over nodes and zones, and kube-proxy learns of a change within milliseconds."
)


class Table:
    """Rows in the order in which they were measured."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self._load_at_start = os.getloadavg()[0]

    def add(self, what: str, load: Load, notes: str = "") -> None:
        """Add what became of a load."""
        kinds = [load.kinds[name] for name in KINDS]
        p50, p99 = (" / ".join(milliseconds(getattr(one, field)) for one in kinds) for field in ("p50_ms", "p99_ms"))
        notes = "; ".join(part for part in (load.failures, f"{load.wrong} wrong" if load.wrong else "", notes) if part)
        sent = sum(one.sent for one in kinds)
        failed = " | ".join(f"**{one.failed}**" if one.failed else "0" for one in kinds)
        self._rows.append(f"| {what} | {sent:,} | {failed} | {p50} | {p99} | {notes} |")

    def lines(self) -> list[str]:
        """Return the table and what it was measured with."""
        if not self._rows:
            return []
        return [
            about(self._load_at_start),
            "",
            HEAD,
            "|" + " --- |" * (HEAD.count("|") - 1),
            *self._rows,
            "",
            NOT_SHOWN,
        ]

    def write(self, page: Path) -> None:
        """Replace a page's table."""
        before, rest = page.read_text().split(BEGIN)
        after = rest.split(END)[1]
        page.write_text("\n".join([before + BEGIN, *self.lines(), END]) + after)


def milliseconds(value_ms: float | None) -> str:
    """Return a latency for a person."""
    return "–" if value_ms is None else f"{value_ms:.0f} ms"


def about(load_at_start: float) -> str:
    """Return what the table was measured with."""
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"`make k8s-test` at commit `{commit.stdout.strip()}`, {now}: Kubernetes 1.20.2, Docker 20.10, one node with"
        f" {os.cpu_count()} cores, kernel {platform.release()}. Cluster, stack and load share the cores; load average"
        f" {load_at_start:.0f} before the first test, {os.getloadavg()[0]:.0f} after the last."
    )
