"""Writes the dashboard, ``grafana/dashboards/stack.json``; with ``--check`` only says whether it is out of date.

Its rows answer, from top to bottom: is it healthy, how fast, how much, why, which version, how are jobs.
tests/e2e/test_monitoring.py sends every query to a Prometheus that scrapes the real processes.
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
    number("Processes", "Whether Prometheus can scrape them.", {"{{job}}": "min by (job) (up)"}, states=FINE),
    number(
        "Alerts",
        "How many fire now. The meaning of each and what to do: docs/operations.md.",
        {"firing": 'count(ALERTS{alertstate="firing"}) or vector(0)'},
        alarm=1,
    ),
    number(
        "Model version",
        "The version that Triton serves; while a new one replaces it, both for a moment.",
        {"{{model}} {{version}}": "count by (model, version) (nv_inference_count)"},
    ).text_mode(BigValueTextMode.NAME),
    number(
        "Accuracy",
        "Share of the test images and of the validation images that the last trained version classifies correctly.",
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
        "Share of requests that end with a 5xx (without probes), and of those refused with 503 `overloaded`. "
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
        "Finished requests a second, without probes and scrapes. Status 0: the client disconnected.",
        {"{{status}}": "sum by (status) (api:requests:rate1m)"},
        is_stacked=True,
    ).unit("reqps"),
    lines(
        "Requests by route",
        "The same by route. A request that is refused before routing counts as `unmatched`.",
        {"{{route}}": "sum by (route) (api:requests:rate1m)"},
        is_stacked=True,
    ).unit("reqps"),
    lines(
        "Images",
        "Images a second that the api sends to Triton, and rows a second that Triton's models compute.",
        {
            "api to Triton": "sum(rate(api_batch_rows_sum[1m]))",
            "{{model}} {{version}}": "sum by (model, version) (rate(nv_inference_count[1m]))",
        },
    ).unit("ops"),
    lines(
        "In flight",
        "Requests that the api is processing, those of them that wait for a call to Triton, and the limit.",
        {
            "in flight": "sum(api_in_flight_requests)",
            "waiting": "sum(api_queued_requests)",
            "limit": "sum(api_in_flight_limit_requests)",
        },
    ),
    lines(
        "Waiting in Triton",
        "Calls in Triton's queue that wait for an instance of the model.",
        {"{{model}}": "sum by (model) (nv_inference_pending_request_count)"},
    ),
    lines(
        "Refused requests",
        "Requests a second that the api refuses, by reason. overloaded: its concurrency limit is reached.",
        {"{{reason}}": "sum by (reason) (rate(api_refused_total[1m]))"},
        is_stacked=True,
    ).unit("reqps"),
]

WHY: list[Panel] = [
    lines(
        "Effective batch",
        "Rows in each call of the api, and in each execution of the model (inferences ÷ executions). Under load, more "
        "is better: an execution of many rows costs little more than one of a single row.",
        {"api's calls": "api:batch_rows:mean1m", "{{model}}'s executions": "triton:batch_rows:mean1m"},
    ),
    lines(
        "Queue share",
        "Share of a call's time in Triton that it spends in the queue. Near 1, the model is the bottleneck.",
        {"{{model}}": "triton:queue:ratio1m"},
    )
    .unit("percentunit")
    .max(1),
    lines(
        "Triton's time a request",
        "Mean time of a call in Triton's queue, in gathering its input, in the model, and in returning its output.",
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
        "Utilisation of the api's concurrency limit, and of the machine's cores and the GPU as Triton reports them. "
        "Over 80 % of the concurrency limit for a minute is an alert.",
        {
            "in flight {{instance}}": "api:in_flight:ratio",
            "CPU": "max(nv_cpu_utilization)",
            "GPU {{gpu_uuid}}": "max by (gpu_uuid) (nv_gpu_utilization)",
        },
        alarm=0.8,
    ).unit("percentunit"),
    lines(
        "Memory",
        "Share of memory in use on Triton's machine and on each GPU.",
        {
            "CPU": "max(nv_cpu_memory_used_bytes / nv_cpu_memory_total_bytes)",
            "GPU {{gpu_uuid}}": "max by (gpu_uuid) (nv_gpu_memory_used_bytes / nv_gpu_memory_total_bytes)",
        },
    )
    .unit("percentunit")
    .max(1),
    lines(
        "Triton's failures",
        "Calls a second that failed in Triton. BACKEND: the model raised an error; CANCELED: by the api.",
        {"{{reason}}": "sum by (reason) (rate(nv_inference_request_failure[1m]))"},
    ).unit("reqps"),
    lines(
        "Replicas of Triton",
        "Replicas that the api knows, those that get calls, and how often a minute one left rotation: it hangs, is "
        "slower than the others, answers wrong, or is away.",
        {
            "known": "max(api_triton_replicas)",
            "in rotation": "min(api_triton_replicas_in_rotation)",
            "left a minute": "sum(rate(api_triton_ejections_total[1m])) * 60",
        },
    ),
    number(
        "Running version",
        "The api's version, and the Python that it runs on.",
        {"{{version}} on Python {{python}}": "count by (version, python) (api_build_info)"},
    ).text_mode(BigValueTextMode.NAME),
    number(
        "Workers", "Worker processes of the api that are alive.", {"{{instance}}": "sum by (instance) (api_workers)"}
    ),
]

VERSIONS: list[Panel] = [
    lines(
        "Requests by version",
        "Requests a second that each version of each model has answered, by the share of API_TRAFFIC_FILE or as asked.",
        {"{{model}} {{version}}": "sum by (model, version) (rate(api_inferences_total[1m]))"},
        is_stacked=True,
    )
    .unit("reqps")
    .span(8),
    lines(
        "p99 by version",
        "99 % of the calls to Triton took at most this long, by the version that answered.",
        {
            "{{model}} {{version}}": "histogram_quantile(0.99, "
            "sum by (le, model, version) (rate(api_inference_duration_seconds_bucket[1m])))"
        },
    )
    .unit("s")
    .span(8),
    lines(
        "Failures by version",
        "Calls a second that failed in Triton, by version.",
        {"{{model}} {{version}}": "sum by (model, version) (rate(nv_inference_request_failure[1m]))"},
    )
    .unit("reqps")
    .span(8),
]

JOBS: list[Panel] = [
    number(
        "Workers of jobs",
        "Workers that are alive; each notes it in Redis once a second. Without one jobs are taken, and wait.",
        {"workers": "max(api_jobs_workers)"},
    ).span(8),
    number(
        "Redis of the jobs",
        "Whether it answers every process of the api within 0.3 s.",
        {"{{instance}}": "min by (instance) (api_jobs_redis_up)"},
        states=FINE,
    ).span(8),
    number("Open jobs", "Jobs that haven't ended.", {"{{state}}": "max by (state) (api_jobs_open)"}).span(8),
    lines(
        "Waiting items",
        "Items of open jobs that have no outcome yet. No fewer than a quarter of an hour before is an alert.",
        {"items": "jobs:waiting_items:max"},
    ).span(12),
    lines(
        "Oldest job",
        "How long ago the oldest open job was made.",
        {"age": "max(api_jobs_oldest_age_seconds)"},
    )
    .unit("s")
    .span(12),
    lines(
        "Items of jobs a second",
        "Items that ended, a second: answered, or failed for whatever reason.",
        {"answered": "jobs:answered_items:rate1m", "failed": "sum(jobs:failed_items:rate1m)"},
        is_stacked=True,
    ).unit("ops"),
    lines(
        "Failed items by code",
        "Items that failed, a second. Over 1 % with a status of 5xx for a minute is an alert.",
        {"{{code}}": "jobs:failed_items:rate1m"},
        is_stacked=True,
    ).unit("ops"),
    lines(
        "Redis memory",
        "Share of Redis' `maxmemory` that is in use. Over 70 % for a minute is an alert; from 80 % on new jobs are "
        "refused.",
        {"used": "jobs:redis_memory:ratio"},
        alarm=0.7,
    )
    .unit("percentunit")
    .max(1),
]

ROWS: dict[str, list[Panel]] = {
    "Is it healthy?": HEALTHY,
    "How fast?": FAST,
    "How much?": MUCH,
    "Why?": WHY,
    "Which version?": VERSIONS,
    "How are jobs?": JOBS,
}


def dashboard() -> str:
    """Return the dashboard in Grafana's JSON."""
    board = (
        Dashboard("Digits")
        .uid("digits")
        .description("Health, latency, throughput and causes: the whole stack on one page.")
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
