"""The autoscalers count what the pods use, and add pods under load without a failed request."""

from tests.k8s.cluster import RELEASE, Cluster
from tests.k8s.load import Load
from tests.k8s.scenarios import upgrade
from tests.k8s.table import Table
from tests.support.process import wait_until

BUSY_RATE = 120


def test_the_autoscaler_adds_an_api_under_load(client: Cluster, table: Table):
    upgrade(client, "api.autoscaling.enabled=true", "api.autoscaling.maxReplicas=3", "triton.autoscaling.enabled=true",
            "triton.autoscaling.maxReplicas=3")  # fmt: skip
    for component in ("api", "triton"):
        wait_until(lambda name=component: "currentMetrics" in autoscaler(client, name), 60, "what the pods use")
    with Load(BUSY_RATE) as load:
        taken_s = wait_until(lambda: len(client.pods("api")) == 3, 120, "a third api")
        client.settle()
    table.add(f"{BUSY_RATE} requests/s, and the autoscaler adds an api", load, f"third api ready after {taken_s:.0f} s")
    assert load.failed == 0, load.failures
    assert load.wrong == 0


def autoscaler(cluster: Cluster, component: str) -> dict[str, object]:
    found = cluster.get("horizontalpodautoscalers.v2beta2.autoscaling", f"{RELEASE}-{component}")
    status: dict[str, object] = found["status"]
    return {name: value for name, value in status.items() if value}
