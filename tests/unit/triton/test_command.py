from pathlib import Path

import pytest

from triton_runtime.command import build_argv, build_env
from triton_runtime.settings import Settings
from triton_runtime.wheel import Wheel

WHEEL = Wheel(Path("/w/bin/tritonserver"), Path("/w/python"), Path("/w/stub"), (Path("/w/libs"), Path("/py/lib")))


def argv(*models: str, **settings) -> list[str]:
    return build_argv(Settings(**settings), Path("/w/bin/tritonserver"), Path("/b"), "the-key", models)


def test_the_models_to_load_are_named():
    assert [flag for flag in argv("a", "b") if "load-model" in flag] == ["--load-model=a", "--load-model=b"]
    assert "--load-model=*" in argv("*")


def test_every_port_is_bound_to_the_host_and_the_repository_api_requires_the_key():
    line = argv(host="127.0.0.1", http_port=1000, grpc_port=1001, metrics_port=1002)
    for flag in (
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
        "--http-port=1000",
        "--grpc-port=1001",
        "--metrics-port=1002",
        "--model-control-mode=explicit",
        "--http-restricted-api=model-repository:admin-key=the-key",
        "--grpc-restricted-protocol=model-repository:admin-key=the-key",
    ):
        assert flag in line


def test_connections_have_a_maximum_age_only_where_it_is_set():
    assert not [flag for flag in argv() if "connection-age" in flag]
    assert "--grpc-max-connection-age=30000" in argv(grpc_max_connection_age_s=30)


def test_without_a_collector_there_are_no_trace_flags():
    assert not [flag for flag in argv() if "trace" in flag]


@pytest.mark.parametrize("endpoint", ["http://collector:4318", "http://collector:4318/"])
def test_with_a_collector_requests_with_a_traceparent_are_traced(endpoint):
    assert [flag for flag in argv(otlp_endpoint=endpoint) if "trace" in flag] == [
        "--trace-config=mode=opentelemetry",
        "--trace-config=opentelemetry,url=http://collector:4318/v1/traces",
        "--trace-config=opentelemetry,resource=service.name=triton",
        "--trace-config=level=TIMESTAMPS",
        "--trace-config=rate=0",
    ]


def test_with_a_certificate_grpc_has_tls_and_http_is_bound_to_loopback():
    assert not [flag for flag in argv() if "ssl" in flag or "cert" in flag]
    one_way = {"host": "0.0.0.0", "tls_cert_file": "/c.crt", "tls_key_file": "/c.key"}
    line = argv(**one_way)
    for flag in ("--grpc-use-ssl=true", "--grpc-server-cert=/c.crt", "--grpc-server-key=/c.key"):
        assert flag in line
    assert "--http-address=127.0.0.1" in line
    assert "--grpc-address=0.0.0.0" in line
    assert "--http-address=10.0.0.1" in argv(http_host="10.0.0.1", **one_way)
    both_ways = argv(tls_client_ca_file="/ca.crt", **one_way)
    assert {"--grpc-use-ssl-mutual=true", "--grpc-root-cert=/ca.crt"} <= set(both_ways)


def test_extra_flags_come_last():
    assert argv(extra_args="--log-info=false --http-thread-count=2")[-2:] == [
        "--log-info=false",
        "--http-thread-count=2",
    ]


def test_the_server_finds_its_libraries_and_this_python_and_does_not_inherit_the_key():
    base = {"LD_LIBRARY_PATH": "/mine", "TRITON_ADMIN_KEY": "secret", "HOME": "/h", "PATH": "/usr/bin"}
    env = build_env(base, WHEEL, Path("/venv/bin"))
    assert env["LD_LIBRARY_PATH"] == "/w/libs:/py/lib:/mine"
    assert "TRITON_ADMIN_KEY" not in env
    assert env["HOME"] == "/h"
    assert env["PATH"] == "/venv/bin:/usr/bin"
