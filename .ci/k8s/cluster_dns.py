"""Cluster DNS for the drill: answers A and SRV for Services as Kubernetes' DNS specification has them.

A Service's cluster IP, the ready addresses behind a headless one, the names of its pods; NXDOMAIN for other names. It
has no upstream, no AAAA and no PTR records. Runs in a pod, with the standard library only, and watches Services and
Endpoints. Source of the rules: https://github.com/kubernetes/dns/blob/master/docs/specification.md
"""

import http.client
import ipaddress
import json
import os
import random
import socketserver
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ZONE = "cluster.local"
TTL_S = 5
PORT = 5353
A, SRV = 1, 33
UDP_LIMIT_BYTES, TCP_LIMIT_BYTES = 512, 65535
AUTHORITATIVE, TRUNCATED, NXDOMAIN = 0x8480, 0x0200, 3
Object = dict[str, Any]
Key = tuple[str, str]  # namespace, name


def get(path: str) -> http.client.HTTPResponse:
    """Ask the API server, by its address: this pod has no DNS.

    Raises:
        OSError: It can't be reached, or answers with another status than 200.
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    connection = http.client.HTTPSConnection(host, port, timeout=330, context=context)
    connection.request("GET", path, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}"})
    response = connection.getresponse()
    if response.status != HTTPStatus.OK:
        raise OSError(f"{path}: {response.status} {response.read(200)!r}")
    return response


class Mirror:
    """The cluster's objects of one kind, kept up to date by a watch."""

    def __init__(self, kind: str) -> None:
        self._path = f"/api/v1/{kind}"
        self.objects: dict[Key, Object] = {}
        self.synced = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        while True:
            try:
                self._watch(self._list())
            except (OSError, ValueError, http.client.HTTPException) as error:
                print(f"{self._path}: {error!r}; listing again in a second", file=sys.stderr, flush=True)
                time.sleep(1)

    def _list(self) -> str:
        listed = json.load(get(self._path))
        self.objects = {key_of(one): one for one in listed["items"]}
        self.synced.set()
        return str(listed["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> None:
        for line in get(f"{self._path}?watch=1&resourceVersion={version}&timeoutSeconds=300"):
            event = json.loads(line)
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self.objects[key_of(event["object"])] = event["object"]
                case "DELETED":
                    self.objects.pop(key_of(event["object"]), None)
                case _:  # the version is too old to go on from
                    return


def key_of(thing: Object) -> Key:
    """Return an object's namespace and name."""
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


class Backend(NamedTuple):
    """An address behind a Service."""

    ip: str
    label: str
    ports: list[Object]


class Records:
    """Answers questions from the mirrors of Services and Endpoints."""

    def __init__(self) -> None:
        self._services, self._endpoints = Mirror("services"), Mirror("endpoints")
        self._services.synced.wait()
        self._endpoints.synced.wait()

    def find(self, question: str, kind: int) -> list[tuple[int, bytes]] | None:
        """Return the records; none where the name has none of this kind, None where there is no such name."""
        name, _, zone = question.lower().rstrip(".").rpartition(".svc.")
        if zone != ZONE or "." not in name:
            return None
        *rest, service, namespace = name.split(".")
        known = self._services.objects.get((namespace, service))
        if known is None:
            return None
        match rest:
            case []:
                return self._addresses(known) if kind == A else []
            case [label]:
                ips = [one.ip for one in self._backends(known) if one.label == label]
                return (packed_ips(ips) if kind == A else []) if ips else None
            case [port, _protocol] if port.startswith("_"):
                return self._targets(known, port.removeprefix("_")) if kind == SRV else []
        return None

    def _addresses(self, service: Object) -> list[tuple[int, bytes]]:
        if service["spec"].get("clusterIP") != "None":
            return packed_ips([service["spec"]["clusterIP"]])
        ips = [one.ip for one in self._backends(service)]
        random.shuffle(ips)
        return packed_ips(ips)

    def _targets(self, service: Object, port: str) -> list[tuple[int, bytes]]:
        namespace, name = key_of(service)
        base = f"{name}.{namespace}.svc.{ZONE}"
        if service["spec"].get("clusterIP") != "None":
            found = [(one["port"], base) for one in service["spec"]["ports"] if one.get("name") == port]
        else:
            found = [
                (one["port"], f"{backend.label}.{base}")
                for backend in self._backends(service)
                for one in backend.ports
                if one.get("name") == port
            ]
        return [(SRV, struct.pack(">HHH", 0, 100, number) + packed_name(target)) for number, target in found]

    def _backends(self, service: Object) -> Iterator[Backend]:
        unready_too = service["spec"].get("publishNotReadyAddresses", False)
        for subset in self._endpoints.objects.get(key_of(service), {}).get("subsets") or []:
            for address in subset.get("addresses", []) + (subset.get("notReadyAddresses", []) if unready_too else []):
                label = address.get("hostname") or address["ip"].replace(".", "-")
                yield Backend(address["ip"], label, subset.get("ports", []))


def packed_ips(ips: list[str]) -> list[tuple[int, bytes]]:
    """Return A records."""
    return [(A, ipaddress.IPv4Address(ip).packed) for ip in ips]


def packed_name(name: str) -> bytes:
    """Return a name as DNS sends it, not compressed."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def respond(records: Records, query: bytes, limit_bytes: int) -> bytes:
    """Return the response to a query with one question, cut off at the limit."""
    number, flags = struct.unpack(">HH", query[:4])
    at, labels = 12, []
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    question = query[12 : at + 5]
    [kind] = struct.unpack(">H", query[at + 1 : at + 3])
    found = records.find(".".join(labels), kind)
    # The owner's name is a pointer to the question's.
    answers = [b"\xc0\x0c" + struct.pack(">HHIH", one, 1, TTL_S, len(data)) + data for one, data in found or []]
    status = AUTHORITATIVE | (flags & 0x0100) | (NXDOMAIN if found is None else 0)
    while answers and 12 + len(question) + sum(map(len, answers)) > limit_bytes:
        answers.pop()
        status |= TRUNCATED
    return struct.pack(">HHHHHH", number, status, 1, len(answers), 0, 0) + question + b"".join(answers)


def serve(records: Records) -> None:
    """Answer over UDP and TCP until the process ends."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, connection = self.request
            connection.sendto(respond(records, query, UDP_LIMIT_BYTES), self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while size := self.rfile.read(2):
                response = respond(records, self.rfile.read(int.from_bytes(size)), TCP_LIMIT_BYTES)
                self.wfile.write(len(response).to_bytes(2) + response)

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    tcp = socketserver.ThreadingTCPServer(("0.0.0.0", PORT), Tcp)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    socketserver.ThreadingUDPServer(("0.0.0.0", PORT), Udp).serve_forever()


if __name__ == "__main__":
    serve(Records())
