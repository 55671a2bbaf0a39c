"""The drill's stand-in for cluster DNS answers by Kubernetes' rules."""

import importlib.util
import ipaddress
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

PATH = Path(__file__).resolve().parents[3] / ".ci/k8s/cluster_dns.py"
A, AAAA, SRV = 1, 28, 33
PORTS = [{"name": "grpc", "port": 8001}]
PODS = {"10.0.0.1": None, "10.0.0.2": "first"}
UNREADY = "10.0.0.9"


@pytest.fixture(scope="module")
def dns():
    spec = importlib.util.spec_from_file_location("cluster_dns", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def records(dns):
    def service(name: str, cluster_ip: str, **more: object) -> dict:
        metadata = {"namespace": "prod", "name": name}
        return {"metadata": metadata, "spec": {"clusterIP": cluster_ip, "ports": PORTS, **more}}

    addresses = [{"ip": ip} | ({"hostname": host} if host else {}) for ip, host in PODS.items()]
    subsets = [{"addresses": addresses, "notReadyAddresses": [{"ip": UNREADY}], "ports": PORTS}]
    services = [
        service("api", "10.1.0.1"),
        service("triton", "None"),
        service("peers", "None", publishNotReadyAddresses=True),
        service("empty", "None"),
    ]
    found = dns.Records.__new__(dns.Records)
    found._services = SimpleNamespace(objects={dns.key_of(one): one for one in services})
    found._endpoints = SimpleNamespace(objects={("prod", name): {"subsets": subsets} for name in ("triton", "peers")})
    return found


def ips(found: list[tuple[int, bytes]]) -> set[str]:
    assert {kind for kind, _ in found} <= {A}
    return {str(ipaddress.ip_address(data)) for _, data in found}


@pytest.mark.parametrize(
    "name, expected",
    [
        ("api", {"10.1.0.1"}),
        ("API", {"10.1.0.1"}),
        ("triton", set(PODS)),
        ("peers", {*PODS, UNREADY}),
        ("empty", set()),
        ("first.triton", {"10.0.0.2"}),
        ("10-0-0-1.triton", {"10.0.0.1"}),
    ],
)
def test_a_name_of_a_service_has_addresses(records, name, expected):
    assert ips(records.find(f"{name}.prod.svc.cluster.local.", A)) == expected


OTHER_NAMES = """
    nothing.prod.svc.cluster.local api.other.svc.cluster.local second.triton.prod.svc.cluster.local
    api.prod.svc.cluster.local.prod.svc.cluster.local prod.svc.cluster.local api.prod api example.org
"""


@pytest.mark.parametrize("name", OTHER_NAMES.split())
def test_there_is_no_other_name(records, name):
    assert records.find(name, A) is None


def test_a_known_name_has_no_ipv6_address(records):
    assert records.find("api.prod.svc.cluster.local", AAAA) == []


def test_a_port_has_a_target_for_each_pod(records):
    found = records.find("_grpc._tcp.triton.prod.svc.cluster.local", SRV)
    assert [struct.unpack(">HHH", data[:6]) for _, data in found] == [(0, 100, 8001)] * 2
    assert found[1][1][6:] == b"\x05first\x06triton\x04prod\x03svc\x07cluster\x05local\0"


def test_a_response_repeats_the_question_and_is_cut_at_the_limit(dns, records):
    name = b"\x06triton\x04prod\x03svc\x07cluster\x05local\0"
    query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", A, 1)
    response = dns.respond(records, query, 512)
    assert struct.unpack(">HHHHHH", response[:12]) == (7, 0x8580, 1, 2, 0, 0)
    assert response[12 : 12 + len(name)] == name
    assert {response[-4:], response[-20:-16]} == {ipaddress.ip_address(ip).packed for ip in PODS}
    cut = dns.respond(records, query, len(query) + 20)
    assert struct.unpack(">HHHHHH", cut[:12]) == (7, 0x8780, 1, 1, 0, 0)
