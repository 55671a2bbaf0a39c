"""Names of libraries that aren't part of their documented interfaces, and that the api builds on.

docs/decisions/0008-private-names.md says what each is for. An upgrade that changes one fails here: read the library's
changes, adapt the code and its tests, then record the new version.
"""

import inspect
import logging
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from gunicorn.arbiter import Arbiter
from limits.aio.storage import MemoryStorage
from prometheus_client import CollectorRegistry, Histogram
from uvicorn import Config, Server
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from uvicorn_worker import UvicornWorker

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "docs/decisions/0008-private-names.md"

# What the code was last read against.
VERSIONS = {
    "gunicorn": "27.0.1",
    "limits": "5.8.0",
    "prometheus-client": "0.26.0",
    "uvicorn": "0.54.0",
    "uvicorn-worker": "0.4.0",
}
# Overridden or called, with their parameters.
METHODS = {
    (HttpToolsProtocol, "__init__"): ["self", "config", "server_state", "app_state", "_loop"],
    (HttpToolsProtocol, "connection_made"): ["self", "transport"],
    (HttpToolsProtocol, "connection_lost"): ["self", "exc"],
    (HttpToolsProtocol, "data_received"): ["self", "data"],
    (HttpToolsProtocol, "shutdown"): ["self"],
    (HttpToolsProtocol, "on_message_begin"): ["self"],
    (HttpToolsProtocol, "on_headers_complete"): ["self"],
    (HttpToolsProtocol, "on_body"): ["self", "body"],
    (HttpToolsProtocol, "on_message_complete"): ["self"],
    (HttpToolsProtocol, "on_response_complete"): ["self"],
    (HttpToolsProtocol, "_unset_keepalive_if_required"): ["self"],
    (FlowControl, "__init__"): ["self", "transport"],
    (FlowControl, "resume_reading"): ["self"],
    (Server, "__init__"): ["self", "config"],
    (Server, "handle_exit"): ["self", "sig", "frame"],
    (Server, "on_tick"): ["self", "counter"],
    (Server, "main_loop"): ["self"],
    (Server, "shutdown"): ["self", "sockets"],
    (Server, "serve"): ["self", "sockets"],
    (UvicornWorker, "_serve"): ["self"],
    (Arbiter, "signal"): ["self", "sig", "frame"],
    (MemoryStorage, "incr"): ["self", "key", "expiry", "amount"],
    (MemoryStorage, "get"): ["self", "key"],
    (MemoryStorage, "clear"): ["self", "key"],
}


@pytest.mark.parametrize("package,known", VERSIONS.items())
def test_the_installed_version_is_the_one_that_was_read(package, known):
    assert version(package) == known, f"read what {package} changed, then record its version here"


@pytest.mark.parametrize("owner,name", METHODS)
def test_a_method_has_the_parameters_that_the_code_relies_on(owner, name):
    assert list(inspect.signature(getattr(owner, name)).parameters) == METHODS[owner, name]


async def test_a_connection_has_the_attributes_that_the_code_reads():
    config = Config(lambda scope: None, http="httptools", ws="none", lifespan="off", log_config=None)
    connection = HttpToolsProtocol(config, ServerState(), {})
    connection.on_message_begin()
    attributes = {"cycle", "flow", "headers", "loop", "parser", "pipeline", "server_state"}
    attributes |= {"timeout_keep_alive_task", "transport", "url"}
    assert attributes <= set(vars(connection))
    assert {"connections", "default_headers"} <= set(vars(connection.server_state))
    parameters = set(inspect.signature(RequestResponseCycle).parameters)
    cycle = RequestResponseCycle(**dict.fromkeys(parameters))
    assert {"disconnected", "message_event", "response_complete", "response_started", "transport"} <= set(vars(cycle))


def test_a_server_has_the_attributes_that_the_code_reads():
    config = Config(lambda scope: None, log_config=None)
    assert {"server_state", "started"} <= set(vars(Server(config)))
    settable = {
        "app",
        "http",
        "proxy_headers",
        "forwarded_allow_ips",
        "timeout_graceful_shutdown",
        "ssl_context_factory",
    }
    assert settable <= set(vars(config))
    assert inspect.iscoroutinefunction(UvicornWorker._serve)
    assert isinstance(UvicornWorker.CONFIG_KWARGS, dict)
    assert list(inspect.signature(UvicornWorker.load_wsgi).parameters) == ["self"]
    assert isinstance(Arbiter.WORKER_BOOT_ERROR, int)
    assert isinstance(Arbiter.APP_LOAD_ERROR, int)


def test_a_histogram_is_buckets_that_count_for_themselves_and_a_sum():
    histogram = Histogram("seconds", "", buckets=(1, 2), registry=CollectorRegistry())
    assert histogram._upper_bounds == [1, 2, float("inf")]
    histogram._buckets[1].inc(3)
    histogram._sum.inc(4.5)
    (family,) = histogram.collect()
    values = {sample.name + sample.labels.get("le", ""): sample.value for sample in family.samples}
    assert (values["seconds_bucket1.0"], values["seconds_bucket2.0"], values["seconds_bucket+Inf"]) == (0, 3, 3)
    assert values["seconds_sum"] == 4.5


def test_logging_looks_for_a_record_s_caller_only_where_it_knows_its_own_file():
    assert isinstance(logging._srcfile, str)


def test_counters_in_memory_are_two_dicts():
    assert {"storage", "expirations"} <= set(vars(MemoryStorage()))


def test_the_record_lists_every_name():
    text = RECORD.read_text()
    names = {name for _, name in METHODS if name.startswith("_") and name != "__init__"}
    for name in names | {"_upper_bounds", "_buckets", "_sum", "_srcfile", *VERSIONS}:
        assert f"`{name}`" in text, name


def test_private_names_stand_where_the_record_says():
    """A leading underscore of another object, outside of the files that the record names."""
    allowed = set(re.findall(r"`((?:server|telemetry)/\w+\.py)`", RECORD.read_text()))
    source = ROOT / "services/api/src/api"
    pattern = re.compile(r"(?<!self)(?<!cls)\._(?!replace\b)[a-z]\w*|SLF001")  # a named tuple's method is public
    found = {str(file.relative_to(source)) for file in source.rglob("*.py") if pattern.search(file.read_text())}
    assert found <= allowed
