"""The results of ``bench.jobs`` as Markdown."""

from collections.abc import Iterable
from typing import Any

from bench.goals import AtLeast, AtMost
from bench.report import show, table
from bench.statistics import ratios, spread

# The older demo's table: one image through Celery and Triton, in ms, by users.
_OLDER_DEMO_MS = {"1": 57, "10": 34, "30": 31}
_SHARE, _TAIL = AtLeast(0.8), AtMost(2)


def line_of(figures: dict[str, Any]) -> str:
    """Return one round on a line."""
    return (
        f"batch {figures['batch_per_s']:,.0f}/s  job {figures['job_per_s']:,.0f}/s  "
        f"CPU {figures['batch_cpu_us']:.0f} and {figures['job_cpu_us']:.0f} µs an item  "
        f"p99 {figures['alone']['p99_ms']:.1f} ms alone, {figures['beside']['p99_ms']:.1f} ms beside a job "
        f"of {figures['job_per_s_beside']:,.0f}/s"
    )


def markdown(results: dict[str, Any]) -> str:
    """Return the report.

    Args:
        results: Of ``bench.jobs``.
    """
    rounds, found = results["rounds"], results["machine"]
    parts = [
        f"Jobs of {results['items']:,} images; {len(rounds)} rounds, medians, smallest and largest in brackets. "
        f"{found['cores']} cores of {found['cpu']}, {found['memory_gib']} GiB; load average before: "
        f"{found['load_before'][0]}"
        + ("; **other processes used more than a tenth of the machine**." if results["busy_before"] else "."),
        _goals(rounds),
        _figures(results),
    ]
    if "round_trips" in results:
        parts.append(_round_trips(results["round_trips"]))
    return "\n\n".join(parts) + "\n"


def _goals(rounds: list[dict[str, Any]]) -> str:
    share = spread(ratios(_column(rounds, "job_per_s"), _column(rounds, "batch_per_s")))
    tail = spread(ratios(_column(rounds, "beside", "p99_ms"), _column(rounds, "alone", "p99_ms")))
    rows = []
    for what, bound, values in (
        ("items/s of a job ÷ images/s of the batch route", _SHARE, share),
        ("p99 of requests beside a job ÷ without one", _TAIL, tail),
    ):
        word = "not measured" if values is None else "met" if bound.met_by(values.median) else "**not met**"
        rows.append([what, str(bound), show(values, ".2f"), word])
    return table(("", "goal", "measured", ""), rows)


def _figures(results: dict[str, Any]) -> str:
    rounds = results["rounds"]
    rows = [
        ["batch route, images/s", show(spread(_column(rounds, "batch_per_s")))],
        ["job, items/s from stored to done", show(spread(_column(rounds, "job_per_s")))],
        ["batch route, µs of CPU an image, without the load generator", show(spread(_column(rounds, "batch_cpu_us")))],
        ["job, µs of CPU an item, without its upload", show(spread(_column(rounds, "job_cpu_us")))],
        ["its upload, s", show(spread(_column(rounds, "upload_s")), ".1f")],
    ]
    for name, title in (("alone", "without a job"), ("beside", "beside a job")):
        for figure in ("p50_ms", "p99_ms"):
            what = f"`/predict` at {results['rate']:g} requests/s {title}: {figure[:3]}, ms"
            rows.append([what, show(spread(_column(rounds, name, figure)), ".1f")])
    rows.append(["job beside those requests, items/s", show(spread(_column(rounds, "job_per_s_beside")))])
    return table(("", "measured"), rows)


def _round_trips(found: dict[str, Any]) -> str:
    rows = [
        [users, *(f"{found[name][users][cut]:.0f}" for name in found for cut in ("p50_ms", "p95_ms")), str(older)]
        for users, older in _OLDER_DEMO_MS.items()
    ]
    head = ("users", "p50", "p95", "without Triton: p50", "p95", "the older demo")
    return "A job of one image, from its request to the answer that says it has ended, ms:\n\n" + table(head, rows)


def _column(rounds: Iterable[dict[str, Any]], *path: str) -> list[float | None]:
    column: list[float | None] = []
    for value in rounds:
        each: Any = value
        for key in path:
            each = each[key]
        column.append(each)
    return column
