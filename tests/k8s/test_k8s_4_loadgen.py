"""The chart of the load generator runs without a page as a Job, and keeps its report."""

import csv
from pathlib import Path

import httpx

from tests.k8s.cluster import Cluster
from tests.k8s.digits import mnist_folder
from tests.support.process import wait_until

CHART = str(Path(__file__).resolve().parents[2] / "deploy/helm/loadgen")
RELEASE = "load"
VALUES = (
    "image.pullPolicy=Never",
    "headless.enabled=true",
    "headless.users=20",
    "headless.runTime=15s",
    "resources.requests.cpu=50m",
    "results.accessMode=ReadWriteMany",
    "results.storageClass=drill",
    "results.keep=false",
)
LEAST_REQUESTS = 200


def test_a_run_without_a_page_has_no_failure_and_keeps_its_report(client: Cluster):
    client.make_volume("results")
    # Without MNIST's files the model learns from smaller digits, and reads some of Locust's wrong.
    values = [*VALUES, f"env.LOADGEN_CHECK_LABELS={'true' if mnist_folder() else 'false'}"]
    client.helm("install", RELEASE, CHART, *(part for value in values for part in ("--set", value)), "--wait")
    job = ("job", "--selector", "app.kubernetes.io/component=loadgen-master")
    client.kubectl("wait", *job, "--for=condition=complete", "--timeout=120s")
    report = f"{client.address('load-loadgen-report')}/first"
    rows = list(csv.DictReader(httpx.get(f"{report}/run_stats.csv").raise_for_status().text.splitlines()))
    [total] = [row for row in rows if row["Name"] == "Aggregated"]
    assert int(total["Request Count"]) > LEAST_REQUESTS
    assert int(total["Failure Count"]) == 0
    assert "<html" in httpx.get(f"{report}/report.html").raise_for_status().text

    client.helm("uninstall", RELEASE, "--wait")
    wait_until(lambda: not any(name.startswith("pod/") for name in client.left_of(RELEASE)), 90, "the last pod's end")
    assert client.left_of(RELEASE) == []
