"""Load from a pod of its own, so that it goes through the cluster's DNS and the Service, and what became of it."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.k8s.cluster import NAMESPACE, RELEASE, Cluster

RATE = 40  # requests a second, half of them on kept connections
KINDS = ("new", "kept")
URL = f"http://{RELEASE}-api:8888"
# Before and after what happens meanwhile.
MARGIN_S = 2


def make_client(cluster: Cluster, digits: list[tuple[str, int]]) -> None:
    """Start the pod that sends the load.

    Args:
        cluster: Where.
        digits: Images in base64, and the digits that the model reads in them.
    """
    code = {"client.py": Path(__file__).with_name("client.py").read_text(), "digits.json": json.dumps(digits)}
    container = {
        "name": "client",
        "image": "python:3.11.14-slim-bookworm",
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "code", "mountPath": "/code"}],
    }
    spec = {
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534},
        "containers": [container],
        "volumes": [{"name": "code", "configMap": {"name": "client"}}],
    }
    metadata = {"name": "client"}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": code},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    )
    cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")


@dataclass(frozen=True)
class Counts:
    """What became of the requests of one kind."""

    sent: int
    answered: int  # with the right digit
    wrong: int
    failures: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None
    versions: list[str]

    @property
    def failed(self) -> int:
        return sum(self.failures.values())


class Load:
    """A constant load during a block; the counts are in ``kinds`` after it."""

    def __init__(self, rate: int = RATE, url: str = URL) -> None:
        self._argv = ["kubectl", "--namespace", NAMESPACE, "exec", "--stdin", "client", "--"]
        self._argv += ["python3", "/code/client.py", url, str(rate)]
        self.kinds: dict[str, Counts] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        time.sleep(MARGIN_S)
        assert self._process.poll() is None, self._process.communicate()
        return self

    def __exit__(self, *exc: object) -> None:
        time.sleep(MARGIN_S)
        printed, errors = self._process.communicate("", timeout=120)
        if exc[0] is None:
            assert self._process.returncode == 0, errors
            counts: dict[str, dict[str, Any]] = json.loads(printed)
            self.kinds = {name: Counts(**one) for name, one in counts.items()}

    @property
    def failed(self) -> int:
        return sum(one.failed for one in self.kinds.values())

    @property
    def wrong(self) -> int:
        return sum(one.wrong for one in self.kinds.values())

    @property
    def failures(self) -> str:
        """What failed, for a person."""
        parts = [f"{n} × {what} ({name})" for name, one in self.kinds.items() for what, n in one.failures.items()]
        return ", ".join(parts)
