"""Sampling, and the spans of a call; OTLP over the wire is tested in tests/e2e/test_traces.py."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.settings import Settings
from api.telemetry.request_context import RequestContext
from api.telemetry.tracing import Parent, Tracing, parent_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ENDPOINT = "http://127.0.0.1:9"  # nothing is sent there: no exporter runs


@pytest.mark.parametrize(
    "value,parent",
    [
        (f"00-{TRACE}-{SPAN}-01", Parent(TRACE, True)),
        (f"00-{TRACE}-{SPAN}-00", Parent(TRACE, False)),
        (f"00-{TRACE}-{SPAN}-03", Parent(TRACE, True)),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", Parent(TRACE, True)),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        ("", None),
    ],
)
def test_a_traceparent_is_read_as_w3c_has_it(value, parent):
    assert parent_of({b"traceparent": value.encode()}) == parent


def test_without_an_endpoint_the_sdk_is_not_even_loaded():
    code = (
        "import sys; from api.app import create_app; from api.settings import Settings; create_app(Settings()); "
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def left_out(ratio: float, path: str = "/predict", traceparent: str = "") -> bool:
    tracing = Tracing(Settings(otlp_endpoint=ENDPOINT, trace_ratio=ratio))
    headers = [(b"traceparent", traceparent.encode())] if traceparent else []
    return tracing.of_framework()["exclude"]({"path": path, "headers": headers})


def test_the_client_decides_and_else_the_ratio():
    assert left_out(0)
    assert not left_out(1)
    assert not left_out(0, traceparent=f"00-{TRACE}-{SPAN}-01")
    assert left_out(1, traceparent=f"00-{TRACE}-{SPAN}-00")


def test_probes_and_scrapes_are_never_traced():
    for path in ("/health/ready", "/health/live", "/metrics"):
        assert left_out(1, path, f"00-{TRACE}-{SPAN}-01")


@pytest.fixture
def tracing():
    tracing = Tracing(Settings(otlp_endpoint=ENDPOINT))
    tracing.exported = InMemorySpanExporter()
    tracing._otlp.provider.add_span_processor(SimpleSpanProcessor(tracing.exported))
    return tracing


def context_of(tracing, *, is_traced: bool) -> RequestContext:
    return RequestContext("id", 0.0, span=tracing._tracer.start_span("request") if is_traced else None)


def test_a_call_without_a_traced_request_has_no_span(tracing):
    with tracing.call([context_of(tracing, is_traced=False)], 1) as metadata:
        assert not metadata
    assert not tracing.exported.get_finished_spans()


def test_a_call_that_fails_says_so_and_tells_triton_its_own_place(tracing):
    record = context_of(tracing, is_traced=True)
    with pytest.raises(RuntimeError), tracing.call([context_of(tracing, is_traced=False), record], 2) as metadata:
        raise RuntimeError("away")
    (call,) = tracing.exported.get_finished_spans()
    assert call.parent.span_id == record.span.get_span_context().span_id
    assert not call.status.is_ok
    assert call.attributes == {"api.batch_rows": 2, "api.batch_requests": 2}
    ((name, value),) = metadata
    assert name == "traceparent"
    assert value.startswith(f"00-{call.context.trace_id:032x}-{call.context.span_id:016x}-")
    assert parent_of({b"traceparent": value.encode()}).is_sampled


def test_stages_that_a_request_never_came_to_have_no_span(tracing):
    record = context_of(tracing, is_traced=True)
    record.decode = (1.0, 1.5)
    tracing.end(record)
    (decode,) = tracing.exported.get_finished_spans()
    assert decode.name == "decode"
    assert decode.end_time - decode.start_time == pytest.approx(5e8)
