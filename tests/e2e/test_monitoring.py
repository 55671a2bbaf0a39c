"""What the dashboard and the rules ask for is what the real processes say, and a real Prometheus answers it."""

import contextlib
import math
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import promql
from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.job_worker import JobWorker
from tests.support.load import Load
from tests.support.process import Process, clean_env, free_port, wait_until
from tests.support.prometheus import EXPORTERS, program
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
# What this machine can't say: it has no GPU. Names and labels as in Triton's documentation:
# https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html
NEEDS_GPU = {
    "nv_gpu_utilization": {"gpu_uuid"},
    "nv_gpu_memory_used_bytes": {"gpu_uuid"},
    "nv_gpu_memory_total_bytes": {"gpu_uuid"},
}
# What Prometheus and node-exporter say themselves, and the labels that a scrape puts on everything.
OF_PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}, "node_textfile_scrape_error": set()}
BY_SCRAPE = {"job", "instance"}

QUERIES = [*promql.of_the_dashboard(), *promql.of_the_rules()]


def series_of(selector: Any) -> str:
    """Return the series that a selector asks for, as of now."""
    return re.sub(r" offset \S+$", "", selector.prettify())


def needs_gpu(expression: str) -> bool:
    return any(selector.name in NEEDS_GPU for selector in promql.selectors(expression))


@pytest.fixture(scope="module")
def redis(run_dir) -> Iterator[RedisServer]:
    with RedisServer(run_dir / "redis-watched") as server:
        server.client.config_set("maxmemory", 200_000_000)
        yield server


@pytest.fixture(scope="module")
def narrow(run_dir, triton, trainer, redis) -> Iterator[ApiServer]:
    """An api whose workers take on one request at a time, and a worker of jobs."""
    settings = {"API_MAX_IN_FLIGHT": "1", "API_UNREADY_S": "0", "API_REDIS_URL": redis.url}
    with (
        ApiServer(run_dir / "api-watched", triton.grpc_url, **settings) as api,
        JobWorker(run_dir / "worker-watched", redis.url, triton.grpc_url),
    ):
        api.wait_ready()
        yield api


@pytest.fixture(scope="module")
def body(images) -> dict[str, str]:
    return as_json(png(images.images_u8[0, 0].numpy()))


def send_job(api: ApiServer, body: dict[str, str]) -> None:
    """Make a job of some images and something else, as soon as the api takes on a request."""
    content = orjson.dumps(body) + b'\n{"image": "bm9uZQ=="}\n' + orjson.dumps(body)

    def is_taken() -> bool:
        headers = {"content-type": "application/x-ndjson"}
        return httpx.post(f"{api.url}/jobs/digits", content=content, headers=headers, timeout=30).status_code == 202

    wait_until(is_taken, 30, "a job")


def scraped(url: str) -> str:
    return httpx.get(f"{url}/metrics", timeout=30).text


@pytest.fixture(scope="module")
def said(narrow, body, triton, trainer) -> dict[str, set[str]]:
    """The labels of every metric that the api, Triton and the trainer expose, some requests answered, some refused."""
    with Load(narrow.url, body, clients=6):
        wait_until(lambda: 'api_refused_total{reason="overloaded"}' in scraped(narrow.url), 20, "a refusal")
        send_job(narrow, body)
    labels = defaultdict(set)
    for text in (scraped(narrow.url), scraped(triton.metrics_url), trainer.metrics_file.read_text()):
        # Told the types, this parser would give Triton's counters an ending that Prometheus leaves out.
        for family in text_string_to_metric_families(re.sub("^#.*\n", "", text, flags=re.MULTILINE)):
            for sample in family.samples:
                labels[sample.name] |= set(sample.labels)
    return labels


def test_every_name_and_label_stands_in_a_scrape(said):
    known = said | NEEDS_GPU | OF_PROMETHEUS
    unknown = set()
    for place, expression, _ in QUERIES:
        for selector in promql.selectors(expression):
            if selector.name in promql.recorded():
                continue
            wanted = {matcher.name for matcher in selector.matchers.matchers}
            if selector.name not in known or wanted - known[selector.name] - BY_SCRAPE:
                unknown.add((place, selector.name, *wanted))
        for aggregation, kept in promql.groups(expression):
            for selector in promql.selectors(aggregation.prettify()):
                if selector.name in known and set(kept) - known[selector.name] - BY_SCRAPE:
                    unknown.add((place, selector.name, *kept))
    assert not unknown


def test_what_needs_a_gpu_is_listed_because_it_cannot_be_seen_here(said):
    assert not set(NEEDS_GPU) & set(said)
    asked = {selector.name for query in QUERIES for selector in promql.selectors(query.expression)}
    assert set(NEEDS_GPU) <= asked


class Prometheus(Process):
    """``make monitoring`` beside the stack under test, every second.

    Args:
        folder: For what it keeps.
        settings: Where the stack is.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        ours = {"PROMETHEUS_PORT": str(port), "NODE_EXPORTER_PORT": str(free_port()), "PROMETHEUS_RUN_DIR": str(folder)}
        env = clean_env(PROMETHEUS_SCRAPE_INTERVAL="1s", **(ours | settings))
        super().__init__(["scripts/with_env.sh", "python", "scripts/monitoring.py"], folder / "log", env, ROOT)
        self._client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30)

    def get(self, path: str, **params: str) -> Any:
        answer = self._client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an answer that have a value now."""
        answer = self.get("query", query=expression)["result"]
        return [series for series in answer if math.isfinite(float(series["value"][1]))]


@pytest.fixture(scope="module")
def prometheus(narrow, triton, trainer, tmp_path_factory) -> Iterator[Prometheus]:
    """A real Prometheus beside the stack, after a training that failed."""
    program("prometheus")
    program(*EXPORTERS)
    prometheus = Prometheus(
        tmp_path_factory.mktemp("monitoring") / "run",
        API_PORT=str(narrow.port),
        TRITON_METRICS_PORT=triton.metrics_url.rpartition(":")[2],
        TRAINER_METRICS_FILE=str(trainer.metrics_file),
    )
    with prometheus:
        prometheus.wait_for(f"{prometheus.url}/-/ready")
        nowhere = {"TRAINER_DATASET": "mnist", "TRAINER_DATA_DIR": "/nowhere", "TRAINER_MIRRORS": ""}
        failed = trainer.run("train", check=False, TRAINER_CACHE_DIR="/nowhere", **nowhere)
        assert failed.returncode != 0
        yield prometheus


@pytest.fixture(scope="module")
def answers(prometheus, narrow, body) -> dict[str, list[dict[str, Any]]]:
    """What it answers under load to each query, and to each series in one; half a minute is given."""
    selectors = {series_of(one) for query in QUERIES for one in promql.selectors(query.expression)}
    wanted = selectors | {query.expression for query in promql.of_the_dashboard()}
    found: dict[str, list[dict[str, Any]]] = {}

    def has_all() -> bool:
        send_job(narrow, body)  # again: a rate is of the last minute
        found.update((asked, prometheus.ask(asked)) for asked in wanted if not found.get(asked))
        return all(found[asked] or needs_gpu(asked) for asked in wanted)

    # Whatever is missing in the end, its own test says.
    with Load(narrow.url, body, clients=6), contextlib.suppress(TimeoutError):
        wait_until(has_all, 30, "every answer")
    return found


def test_prometheus_reaches_every_process_and_runs_every_rule(prometheus, answers):
    targets = {
        one["labels"]["job"]: (one["health"], one["lastError"]) for one in prometheus.get("targets")["activeTargets"]
    }
    assert targets == dict.fromkeys(("api", "triton", "node-exporter", "prometheus"), ("up", ""))
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(promql.of_the_rules())
    assert {(rule["health"], rule.get("lastError")) for rule in rules} == {("ok", None)}


@pytest.mark.parametrize("query", promql.of_the_dashboard(), ids=lambda query: f"{query.place}: {query.legend}")
def test_a_panel_shows_something_and_its_legend_has_no_gap(answers, query):
    shown = answers[query.expression]
    assert bool(shown) == (not needs_gpu(query.expression))
    for series in shown:
        assert all(series["metric"].get(label) for label in re.findall(r"{{(\w+)}}", query.legend)), series


def test_every_series_that_is_asked_for_is_there(answers):
    asked = [selector for query in QUERIES for selector in promql.selectors(query.expression)]
    missing = {series_of(one) for one in asked if one.name not in NEEDS_GPU and not answers[series_of(one)]}
    assert not missing


def test_an_alert_arrives_with_what_to_do(prometheus, answers):
    [alert] = [one for one in prometheus.get("alerts")["alerts"] if one["labels"]["alertname"] == "TrainerRunFailed"]
    assert alert["state"] == "firing"
    assert alert["annotations"]["runbook_url"] == "docs/operations.md#trainerrunfailed"


def test_ctrl_c_stops_it(prometheus):
    prometheus.send(signal.SIGINT)
    prometheus.wait(20)
    assert prometheus.group() == []


def test_the_jobs_metrics_tell_what_happened_also_while_redis_hangs(narrow, redis, body):
    names = ("api_jobs_answered_items_total", 'api_jobs_failed_items_total{code="invalid_image",status="422"}')

    def value(name: str, text: str | None = None) -> float | None:
        found = re.search(rf"^{re.escape(name)} (\S+)$", text or scraped(narrow.url), re.MULTILINE)
        return float(found[1]) if found else None

    def counts() -> list[float] | None:
        """Of one scrape, in which no job is open; nothing while Redis is slower than a scrape waits."""
        text = scraped(narrow.url)
        return [value(name, text) or 0 for name in names] if value("api_jobs_waiting_items", text) == 0 else None

    before: list[float] = []
    wait_until(lambda: bool(before.extend(counts() or []) or before), 20, "the jobs' end")
    send_job(narrow, body)
    wait_until(lambda: counts() == [before[0] + 2, before[1] + 1], 20, "both counts")
    assert (value("api_jobs_workers"), value("api_jobs_redis_memory_max_bytes")) == (1, 200_000_000)
    redis.hang()
    try:
        wait_until(lambda: value("api_jobs_redis_up") == 0, 10, "its absence")
        start = time.monotonic()
        assert "api_jobs_workers" not in scraped(narrow.url)
        assert time.monotonic() - start < 2
    finally:
        redis.go_on()
    wait_until(lambda: value("api_jobs_workers") == 1, 10, "its return")
