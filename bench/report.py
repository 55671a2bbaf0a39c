"""The results as Markdown: figures of each contender, the goals, and the machine."""

from collections.abc import Sequence
from typing import Any

from bench.contenders.catalogue import CONTENDERS, OURS, TRITON
from bench.goals import Round, Verdict, figure, judge
from bench.statistics import Spread, spread

_PROTOCOLS = {"grpc": "gRPC, perf_analyzer", "http": "HTTP, wrk"}


def markdown(results: dict[str, Any]) -> str:
    """Return the whole report.

    Args:
        results: As written to the JSON file.
    """
    rounds = [each["contenders"] for each in results["rounds"]]
    names = results["contenders"]
    verdicts = judge(rounds, results["memory"])
    parts = [
        f"Measured {results['date']} at commit `{results['commit']}`: medians of {len(rounds)} interleaved rounds, "
        "smallest and largest in brackets. Load generator and server share the cores.",
        *([f"**{results['warning']}**"] if results.get("warning") else []),
        "### `POST /predict` (JSON), closed loop",
        table(
            (
                "",
                f"requests/s, {results['plan']['connections']} connections",
                "p50, ms",
                "p99, ms",
                "alone: p50, ms",
                "",
            ),
            [row for name in names for row in contender_rows(rounds, name, results["failures"].get(name, []))],
        ),
        "### Goals",
        table(("", "goal", "measured", ""), [verdict_row(verdict) for verdict in verdicts]),
        *_processor(rounds),
        "### Measured on",
        _measured_on(results),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)])


def show(found: Spread | None, form: str = ",.0f") -> str:
    """Return a median with its spread, or a dash."""
    if found is None:
        return "–"
    middle = format(found.median, form)
    return middle if found.count == 1 else f"{middle} ({format(found.low, form)}–{format(found.high, form)})"


def contender_rows(rounds: list[Round], name: str, failures: Sequence[str]) -> list[list[str]]:
    """Return a contender's lines; Triton has one for each protocol."""
    title = CONTENDERS[name].title
    protocols = (
        {f"_{protocol}": f"{title} ({how})" for protocol, how in _PROTOCOLS.items()} if name == TRITON else {"": title}
    )
    rows = []
    for suffix, label in protocols.items():
        cells = [
            show(spread(figure(rounds, name, f"closed{suffix}", "rate"))),
            show(spread(figure(rounds, name, f"closed{suffix}", "p50_ms")), ".1f"),
            show(spread(figure(rounds, name, f"closed{suffix}", "p99_ms")), ".1f"),
            show(spread(figure(rounds, name, f"lone{suffix}", "p50_ms")), ".2f"),
        ]
        errors = [*failures, *(error for error in figure(rounds, name, f"closed{suffix}", "error") if error)]
        note = f"failed in {len(errors)} of {len(rounds)} rounds: {errors[-1]}" if errors else ""
        rows.append([f"**{label}**" if name == OURS else label, *cells, " ".join(str(note).split())])
    return rows


def verdict_row(verdict: Verdict) -> list[str]:
    """Return a goal's line."""
    word = {True: "met", False: "**not met**", None: "not measured"}[verdict.met]
    return [verdict.what, verdict.goal, show(verdict.found, ".2f"), word]


def _processor(rounds: list[Round]) -> list[str]:
    roles = sorted(
        {role for each in figure(rounds, OURS, "processor_us_a_request") if isinstance(each, dict) for role in each}
    )
    if not roles:
        return []
    rows = [[role, show(spread(figure(rounds, OURS, "processor_us_a_request", role)))] for role in roles]
    rows.append(["the machine idle, %", show(spread(figure(rounds, OURS, "idle_percent")))])
    return ["### Where this stack's time goes, closed loop", table(("process", "µs of processor a request"), rows)]


def _measured_on(results: dict[str, Any]) -> str:
    machine, model = results["machine"], results["model"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(results["packages"].items()))
    plan = ", ".join(f"{name} {value}" for name, value in results["plan"].items())
    settings = ", ".join(f"`{name}={value}`" for name, value in results["settings"].items()) or "defaults"
    return "\n".join(
        [
            f"- {machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, kernel "
            f"{machine['kernel']}, Python {machine['python']}; load average before: {machine['load_before'][0]}",
            f"- model version {model['version']}, {model['format']}, SHA-256 `{model['sha256'][:12]}`",
            f"- the stack's settings: {settings}",
            f"- {packages}",
            f"- {plan}",
            f"- `{results['command']}`",
        ]
    )
