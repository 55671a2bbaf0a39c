"""What happens to the release while load runs. Each function returns when the cluster has dealt with it."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.k8s.cluster import NAMESPACE, RELEASE, Cluster, CommandFailed, Object, name_of
from tests.support.process import wait_until

CHART = str(Path(__file__).resolve().parents[2] / "deploy/helm/stack")
HANG_S = 20


@dataclass(frozen=True)
class Scenario:
    """Something that happens, and what it may cost.

    Attributes:
        what: For the table.
        act: Makes it happen; returns a note for the table, or nothing.
        allowed: Failed requests, at most.
    """

    what: str
    act: Callable[[Cluster], str | None]
    allowed: int = 0


def upgrade(cluster: Cluster, *values: str, timeout_s: int = 120) -> None:
    """Change values of the release, and wait until its pods have them."""
    sets = [part for value in values for part in ("--set", value)]
    cluster.helm("upgrade", RELEASE, CHART, "--reuse-values", *sets, "--wait", f"--timeout={timeout_s}s")


def nothing(_: Cluster) -> None:
    time.sleep(5)


def roll(component: str) -> Callable[[Cluster], None]:
    def act(cluster: Cluster) -> None:
        upgrade(cluster, f"{component}.podAnnotations.changed=x{time.monotonic_ns()}")
        cluster.settle()

    return act


def delete(component: str, *options: str) -> Callable[[Cluster], None]:
    def act(cluster: Cluster) -> None:
        cluster.kubectl("delete", "pod", name_of(cluster.pods(component)[0]), "--wait=false", *options)
        cluster.settle()

    return act


def kill(component: str) -> Callable[[Cluster], None]:
    """SIGKILL; kubelet starts the container again."""

    def act(cluster: Cluster) -> None:
        cluster.container(cluster.pods(component)[0], component).kill()
        wait_until(lambda: len(cluster.pods(component)) == 1, 30, "the loss noticed")
        wait_until(lambda: len(cluster.pods(component)) == 2, 90, "two pods again")

    return act


def scale(cluster: Cluster) -> None:
    for replicas in (3, 2):
        upgrade(cluster, f"api.replicas={replicas}", f"triton.replicas={replicas}")
        cluster.settle()


def upgrade_badly(cluster: Cluster) -> str:
    """An api that can't start: the upgrade fails with the reason, the former pods go on, and a rollback removes it."""
    try:
        upgrade(cluster, "api.env.API_PORT=none", timeout_s=12)
    except CommandFailed as error:
        assert "api" in str(error), error
    else:
        raise AssertionError("an upgrade to an api that can't start passed as a success")
    assert cluster.ready_addresses(f"{RELEASE}-api") == 2
    cluster.helm("rollback", RELEASE, "--wait", "--timeout=60s")
    cluster.settle()
    return "helm gave up after 12 s"


def train(cluster: Cluster) -> str:
    """A Job trains and publishes again, and tells every Triton."""
    addresses = {pod["status"]["podIP"] for pod in cluster.pods("triton")}
    spec = cluster.get("cronjob", f"{RELEASE}-trainer")["spec"]["jobTemplate"]["spec"]
    cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train-again"}, "spec": spec})
    cluster.kubectl("wait", "--for=condition=complete", "job/train-again", "--timeout=180s")
    printed = cluster.kubectl("logs", "job/train-again")
    # A pod that has ended still holds the claim, and `helm uninstall` would wait for it.
    cluster.kubectl("delete", "job", "train-again")
    assert len(addresses) == 2
    assert all(address in printed for address in addresses), printed
    return "both Tritons told"


def evict(cluster: Cluster) -> str:
    """The budget lets one Triton of two go, and refuses to let the other one go at the same time."""
    first, second = (name_of(pod) for pod in cluster.pods("triton"))
    ask_to_leave(cluster, first)
    try:
        ask_to_leave(cluster, second)
    except CommandFailed as error:
        assert "disruption budget" in str(error), error
    else:
        raise AssertionError("both Tritons were evicted at the same time")
    cluster.settle()
    return "the second eviction refused"


def ask_to_leave(cluster: Cluster, pod: str) -> None:
    metadata = {"name": pod, "namespace": NAMESPACE}
    eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": metadata}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))


def hang(cluster: Cluster) -> str:
    """All processes of one Triton are stopped for a while; the api's pods stay ready."""
    pod = cluster.pods("triton")[0]
    ready: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            ready.append(cluster.ready_addresses(f"{RELEASE}-api"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        send(cluster, pod, signal.SIGSTOP)
        time.sleep(HANG_S)
    finally:
        send(cluster, pod, signal.SIGCONT)
        done.set()
        watcher.join()
    assert min(ready) == 2, f"ready apis, every half second: {ready}"
    cluster.settle()
    return "both apis ready all the time"


def send(cluster: Cluster, pod: Object, number: signal.Signals) -> None:
    """Send a signal to all processes of a Triton."""
    top = cluster.container(pod, "triton").top()
    column = top["Titles"].index("PID")
    for process in top["Processes"]:
        os.kill(int(process[column]), number)


SCENARIOS = (
    Scenario("nothing", nothing),
    Scenario("rolling update of the api", roll("api")),
    Scenario("rolling update of Triton", roll("triton")),
    Scenario("one Triton of two deleted", delete("triton")),
    Scenario("one Triton of two deleted by force", delete("triton", "--force", "--grace-period=0")),
    Scenario("one Triton of two killed (SIGKILL)", kill("triton")),
    Scenario("one api of two deleted", delete("api")),
    # Kubernetes can't hide it: the Service sends connections there until a probe fails.
    Scenario("one api of two killed (SIGKILL)", kill("api"), allowed=60),
    Scenario("trained and published again", train),
    Scenario("api and Triton scaled to three and back to two", scale),
    Scenario("an upgrade that can't start, then rolled back", upgrade_badly),
    Scenario("both Tritons evicted, against the budget", evict),
    # Those that were under way in it.
    Scenario(f"one Triton of two stopped (SIGSTOP) for {HANG_S} s", hang, allowed=5),
)
