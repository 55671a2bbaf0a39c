"""The resource metrics API for the drill: kubelet's counts in the form that autoscalers and `kubectl top` read.

Runs in a pod, with the standard library only. Unlike the usual server it doesn't check that the API server is asking.
"""

import datetime as dt
import http.client
import json
import os
import ssl
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP = "metrics.k8s.io/v1beta1"
RESOURCES = [
    {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
    {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]},
]
NOT_FOUND = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound"}
Object = dict[str, Any]


def get(host: str, port: int, path: str) -> Object:
    """Return what kubelet or the API server answers.

    Raises:
        OSError: It can't be reached, or answers with another status than 200.
    """
    connection = http.client.HTTPSConnection(
        host, port, timeout=5, context=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    )
    connection.request("GET", path, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}"})
    response = connection.getresponse()
    if response.status != HTTPStatus.OK:
        raise OSError(f"{path}: {response.status} {response.read(200)!r}")
    return json.load(response)  # type: ignore[no-any-return]


def usage(counts: Object) -> Object:
    """Return kubelet's counts as Kubernetes quantities."""
    cpu, memory = counts["cpu"].get("usageNanoCores", 0), counts["memory"].get("workingSetBytes", 0)
    return {"cpu": f"{cpu}n", "memory": f"{memory // 1024}Ki"}


def item(kind: str, metadata: Object, **rest: object) -> Object:
    """Return a NodeMetrics or PodMetrics of now."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"kind": kind, "apiVersion": GROUP, "metadata": metadata, "timestamp": now, "window": "10s", **rest}


def nodes() -> list[Object]:
    """Return the metrics of the node."""
    node = summary()["node"]
    return [item("NodeMetrics", {"name": node["nodeName"]}, usage=usage(node))]


def pods(namespace: str | None, selector: str) -> list[Object]:
    """Return the metrics of a namespace's pods, or of all, that a label selector matches."""
    place = f"/namespaces/{namespace}" if namespace else ""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    matching = get(host, port, f"/api/v1{place}/pods?{urlencode({'labelSelector': selector})}")["items"]
    metadata = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["metadata"] for pod in matching}
    found = []
    for pod in summary()["pods"]:
        key = pod["podRef"]["namespace"], pod["podRef"]["name"]
        if key not in metadata:
            continue
        containers = [
            {"name": one["name"], "usage": usage(one)}
            for one in pod.get("containers", [])
            if {"cpu", "memory"} <= {*one}
        ]
        labels = metadata[key].get("labels", {})
        found.append(item("PodMetrics", {"namespace": key[0], "name": key[1], "labels": labels}, containers=containers))
    return found


def summary() -> Object:
    """Return kubelet's statistics of the node and its pods."""
    return get(os.environ["NODE_IP"], 10250, "/stats/summary")


def answer(path: str, selector: str) -> Object | None:
    """Return the body for a path, or None where there is nothing under it."""
    name: list[str] = []
    match path.removeprefix(f"/apis/{GROUP}").strip("/").split("/"):
        case [""]:
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": RESOURCES}
        case ["nodes", *name]:
            kind, found = "NodeMetricsList", nodes()
        case ["pods"]:
            kind, found = "PodMetricsList", pods(None, selector)
        case ["namespaces", namespace, "pods", *name]:
            kind, found = "PodMetricsList", pods(namespace, selector)
        case _:
            return None
    if name:
        return next((one for one in found if [one["metadata"]["name"]] == name), None)
    return {"kind": kind, "apiVersion": GROUP, "metadata": {}, "items": found}


class Handler(BaseHTTPRequestHandler):
    """Answers the API server's aggregator."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with JSON."""
        url = urlsplit(self.path)
        found = answer(url.path, parse_qs(url.query).get("labelSelector", [""])[0])
        body = json.dumps(found or NOT_FOUND).encode()
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the API server asks several times a second."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("0.0.0.0", 8443), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
