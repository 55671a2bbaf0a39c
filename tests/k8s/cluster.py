"""The drill's cluster: kubectl and helm, the pods of the release, and their containers in the engine."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from docker.client import DockerClient
from docker.models.containers import Container

from tests.support.process import wait_until

NAMESPACE = "drill"
RELEASE = "stack"
Object = dict[str, Any]


class CommandFailed(AssertionError):
    """kubectl or helm ended with another status than 0; the message has what it printed."""


def run(*argv: str, stdin: str | None = None, within_s: float = 180) -> str:
    """Run a command and return its output.

    Raises:
        CommandFailed: It failed.
    """
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=within_s)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


class Cluster:
    """One namespace of the cluster that KUBECONFIG names.

    Args:
        docker: The engine that runs its containers.
    """

    def __init__(self, docker: DockerClient) -> None:
        self.docker = docker

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 180) -> str:
        return run("kubectl", "--namespace", NAMESPACE, *args, stdin=stdin, within_s=within_s)

    def helm(self, *args: str, within_s: float = 300) -> str:
        return run("helm", "--namespace", NAMESPACE, *args, within_s=within_s)

    def apply(self, *objects: Object) -> None:
        """Create or change objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(listed))

    def make_volume(self, name: str) -> None:
        """Make a folder of the node a volume. `fsGroup` sets the owner of a local volume, but not of a hostPath."""
        folder = Path(os.environ["CI_K8S_DIR"], "volumes", name)
        folder.mkdir(parents=True)
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}]
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "drill",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        }
        self.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})

    def left_of(self, release: str) -> list[str]:
        """Return the objects in the namespace that are named after a release, but not its events and metrics."""
        kinds = run("kubectl", "api-resources", "--verbs=list", "--namespaced", "--output=name").split()
        kinds = [kind for kind in kinds if not kind.startswith("events") and "metrics.k8s.io" not in kind]
        names = self.kubectl("get", ",".join(kinds), "--output=name").split()
        return [name for name in names if f"/{release}-" in name or f".{release}." in name]

    def get(self, *args: str) -> Object:
        """Return an object, or a list's items under ``items``."""
        found: Object = json.loads(self.kubectl("get", *args, "--output", "json"))
        return found

    def pods(self, component: str) -> list[Object]:
        """Return a component's pods that are ready and not about to end."""
        found = self.get("pods", "--selector", f"app.kubernetes.io/component={component}")["items"]
        return [pod for pod in found if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]

    def container(self, pod: Object, name: str) -> Container:
        """Return a pod's container."""
        labels = [f"io.kubernetes.pod.uid={pod['metadata']['uid']}", f"io.kubernetes.container.name={name}"]
        [container] = self.docker.containers.list(filters={"label": labels})
        return container

    def address(self, service: str) -> str:
        """Return where this machine reaches a Service."""
        spec = self.get("service", service)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def ready_addresses(self, service: str) -> int:
        """Return the number of pods that a Service sends connections to."""
        subsets = self.get("endpoints", service).get("subsets") or []
        return sum(len(subset.get("addresses", [])) for subset in subsets)

    def roll_out(self, component: str, within_s: int = 120) -> None:
        """Wait until a component's Deployment runs what it says, and nothing else."""
        self.kubectl("rollout", "status", f"deployment/{RELEASE}-{component}", f"--timeout={within_s}s")

    def settle(self) -> None:
        """Wait until both Deployments are rolled out and no pod is about to end."""
        for component in ("triton", "api"):
            self.roll_out(component)

        def ended() -> bool:
            return not any("deletionTimestamp" in pod["metadata"] for pod in self.get("pods")["items"])

        wait_until(ended, 90, "the end of the pods that were told to stop")


def is_ready(pod: Object) -> bool:
    """Say whether a pod answers its readiness probe."""
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def name_of(thing: Object) -> str:
    """Return an object's name."""
    return str(thing["metadata"]["name"])
