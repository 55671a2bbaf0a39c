"""Writes the dashboard, ``grafana/dashboards/stack.json``; with ``--check`` only says whether it is out of date.

Top to bottom it answers: is it healthy, how fast, how much, why. The names in the queries are held against what the
real processes say (tests/e2e/test_metric_names.py).
"""

import itertools
import sys
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync
from panels import FINE, Panel, lines, number, times

FILE = Path(__file__).parent / "grafana/dashboards/stack.json"

HEALTHY: list[Panel] = [
    number(
        "Model and training",
        "Whether the model answers the readiness canary in every worker, and whether the trainer's last run succeeded.",
        {"model": "min(api_model_ready)", "last training": "min(trainer_last_run_success)"},
        states=FINE,
    ),
    number("Processes", "Whether Prometheus reaches them.", {"{{job}}": "min by (job) (up)"}, states=FINE),
    number(
        "Alerts",
        "How many fire now. What each means and what to do: docs/operations.md.",
        {"firing": 'count(ALERTS{alertstate="firing"}) or vector(0)'},
        alarm=1,
    ),
    number(
        "Model version",
        "What Triton serves; for a moment two, while one takes the other's place.",
        {"{{model}} {{version}}": "count by (model, version) (nv_inference_count)"},
    ).text_mode(BigValueTextMode.NAME),
    number(
        "Accuracy",
        "Of the last trained version: share of the test images and of the validation images read right.",
        {"test": "max(trainer_test_accuracy_ratio)", "validation": "max(trainer_validation_accuracy_ratio)"},
    ).unit("percentunit"),
    number(
        "Last training",
        "How long ago the trainer's last run ended, and how long it took.",
        {
            "ended, ago": "time() - max(trainer_last_run_timestamp_seconds)",
            "took": "max(trainer_last_run_duration_seconds)",
        },
    ).unit("s"),
    lines(
        "Errors",
        "Share of requests that end with a 5xx, probes left out, and of those turned away because the api is full. "
        "Over 1 % for a minute is an alert.",
        {"5xx": "api:errors:ratio1m", "overloaded": "api:overloaded:ratio1m"},
        alarm=0.01,
    )
    .unit("percentunit")
    .span(12),
    times(
        "Alerts over time",
        "When each alert fired.",
        {"{{alertname}}": 'max by (alertname) (ALERTS{alertstate="firing"})'},
    ).span(12),
]

FAST: list[Panel] = [
    lines(
        "Latency",
        "Half, 95 % and 99 % of the predictions took at most this long, from the headers to the last byte. "
        "A p99 over half a second for a minute is an alert.",
        {"p{{quantile}}": "api:request_duration_seconds:quantile1m"},
        alarm=0.5,
    )
    .unit("s")
    .span(12),
    lines(
        "Time by stage",
        "Where a prediction spends its time on average: decoding images, waiting for a call, in the call to Triton.",
        {"{{stage}}": "api:stage_duration_seconds:mean1m"},
        is_stacked=True,
    )
    .unit("s")
    .span(12),
]

MUCH: list[Panel] = [
    lines(
        "Requests by status",
        "Finished requests a second, probes and scrapes left out. Status 0: the client hung up.",
        {"{{status}}": "sum by (status) (api:requests:rate1m)"},
        is_stacked=True,
    ).unit("reqps"),
    lines(
        "Requests by route",
        "The same by route. Those that are turned away at the door have none: unmatched.",
        {"{{route}}": "sum by (route) (api:requests:rate1m)"},
        is_stacked=True,
    ).unit("reqps"),
    lines(
        "Images",
        "Images a second that the api sends to Triton, and rows that Triton's models run over.",
        {
            "api to Triton": "sum(rate(api_batch_rows_sum[1m]))",
            "{{model}} {{version}}": "sum by (model, version) (rate(nv_inference_count[1m]))",
        },
    ).unit("ops"),
    lines(
        "In flight",
        "Requests that the api works on, how many of them wait for a call, and how many it takes on at most.",
        {
            "in flight": "sum(api_in_flight_requests)",
            "waiting": "sum(api_queued_requests)",
            "limit": "sum(api_in_flight_limit_requests)",
        },
    ),
    lines(
        "Waiting in Triton",
        "Calls that have come to Triton and wait for an instance of the model.",
        {"{{model}}": "sum by (model) (nv_inference_pending_request_count)"},
    ),
    lines(
        "Turned away",
        "Requests a second that the api refuses, by reason. overloaded: it is full.",
        {"{{reason}}": "sum by (reason) (rate(api_refused_total[1m]))"},
        is_stacked=True,
    ).unit("reqps"),
]

WHY: list[Panel] = [
    lines(
        "Effective batch",
        "Rows in each call of the api, and in each run of the model (inferences ÷ executions). Under load more is "
        "better: a run costs little more for many rows than for one.",
        {"api's calls": "api:batch_rows:mean1m", "{{model}}'s runs": "triton:batch_rows:mean1m"},
    ),
    lines(
        "Queue share",
        "How much of a call's time in Triton it waits. Near 1, the model can't keep up; near 0, look elsewhere.",
        {"{{model}}": "triton:queue:ratio1m"},
    )
    .unit("percentunit")
    .max(1),
    lines(
        "Triton's time a request",
        "What Triton does with a call on average: let it wait, gather input, run the model, hand on the answer.",
        {
            step: f"sum(rate(nv_inference_{name}_duration_us[1m])) / (sum(rate(nv_inference_request_success[1m])) > 0)"
            for step, name in {
                "queue": "queue",
                "input": "compute_input",
                "model": "compute_infer",
                "output": "compute_output",
            }.items()
        },
        is_stacked=True,
    ).unit("µs"),
    lines(
        "Saturation",
        "How full each resource is: the api's places, the machine's cores and the GPU, as Triton sees them. "
        "Over 80 % of the places for a minute is an alert.",
        {
            "in flight {{instance}}": "api:in_flight:ratio",
            "CPU": "max(nv_cpu_utilization)",
            "GPU {{gpu_uuid}}": "max by (gpu_uuid) (nv_gpu_utilization)",
        },
        alarm=0.8,
    ).unit("percentunit"),
    lines(
        "Memory",
        "Share of the memory in use on Triton's machine, and of each GPU's.",
        {
            "CPU": "max(nv_cpu_memory_used_bytes / nv_cpu_memory_total_bytes)",
            "GPU {{gpu_uuid}}": "max by (gpu_uuid) (nv_gpu_memory_used_bytes / nv_gpu_memory_total_bytes)",
        },
    )
    .unit("percentunit")
    .max(1),
    lines(
        "Triton's failures",
        "Calls a second that Triton failed. BACKEND: the model raised an error; CANCELED: the api gave the call up.",
        {"{{reason}}": "sum by (reason) (rate(nv_inference_request_failure[1m]))"},
    ).unit("reqps"),
    number(
        "What runs",
        "The api's version, and the Python it runs on.",
        {"{{version}} on Python {{python}}": "count by (version, python) (api_build_info)"},
    ).text_mode(BigValueTextMode.NAME),
    number("Workers", "Processes of the api that are alive.", {"{{instance}}": "sum by (instance) (api_workers)"}),
]

ROWS: dict[str, list[Panel]] = {"Is it healthy?": HEALTHY, "How fast?": FAST, "How much?": MUCH, "Why?": WHY}


def dashboard() -> str:
    """Return the dashboard as Grafana reads it."""
    board = (
        Dashboard("Digits")
        .uid("digits")
        .description("Is it healthy, how fast, how much, why: the whole stack on one page.")
        .time("now-15m", "now")
        .refresh("5s")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    ids = itertools.count(1)
    for title, panels in ROWS.items():
        board.with_row(Row(title).id(next(ids)))
        for panel in panels:
            board.with_panel(panel.id(next(ids)))
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board.build()) + "\n"


def main() -> int:
    """Write the file, or say that it is out of date."""
    text = dashboard()
    if "--check" not in sys.argv:
        FILE.write_text(text, encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{FILE.name} is out of date: run 'make dashboard'", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
