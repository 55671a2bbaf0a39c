"""One trace from the client to Triton's compute span, as a collector receives it over real sockets."""

import asyncio
import json
import secrets
import time
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest

from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.otlp_receiver import OtlpReceiver, Span
from tests.support.process import wait_until
from tests.support.triton_server import TritonServer

QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # ms; both libraries wait five seconds else


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def traced(run_dir, trainer, receiver) -> Iterator[ApiServer]:
    """An api and a Triton that are told one thing more than others; the ratio leaves nothing to luck."""
    settings = QUICK | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    with (
        TritonServer(trainer.repository, run_dir / "triton-traced", **settings) as triton,
        ApiServer(
            run_dir / "api-traced",
            triton.grpc_url,
            API_WORKERS="1",
            API_TRACE_RATIO="1",
            API_MAX_CALLS="1",
            API_LOG_FORMAT="json",
            **settings,
        ) as api,
    ):
        api.wait_ready()
        yield api


@pytest.fixture(scope="module")
def body(images) -> dict[str, str]:
    return as_json(png(images.images_u8[0, 0].numpy()))


class Client:
    """A client's own span, which it tells the api of."""

    def __init__(self, *, is_sampled: bool = True) -> None:
        self.trace_id, self.span_id = secrets.token_hex(16), secrets.token_hex(8)
        self.request_id = f"of-{self.span_id}"
        traceparent = f"00-{self.trace_id}-{self.span_id}-{int(is_sampled):02x}"
        self.headers = {"traceparent": traceparent, "x-request-id": self.request_id}


def trace_of(receiver: OtlpReceiver, client: Client, names: set[str]) -> dict[str, Span]:
    """Return a trace's spans by name, once those named are there."""

    def found() -> dict[str, Span]:
        return {span.name: span for span in list(receiver.spans) if span.trace_id == client.trace_id}

    wait_until(lambda: names <= set(found()), 15, f"{names} of the trace")
    return found()


def test_one_trace_goes_from_the_client_to_tritons_compute_span(traced, receiver, body):
    client = Client()
    answer = httpx.post(f"{traced.url}/predict", json=body, headers=client.headers, timeout=30)
    assert answer.status_code == 200, answer.text
    spans = trace_of(receiver, client, {"POST /predict", "decode", "queue", "triton", "compute", "InferRequest"})

    request = spans["POST /predict"]
    assert request.parent_id == client.span_id
    for name in ("decode", "queue", "triton"):
        assert spans[name].parent_id == request.span_id
        assert spans[name].service == "api"
    assert spans["InferRequest"].parent_id == spans["triton"].span_id
    assert spans["mnist_cnn"].parent_id == spans["InferRequest"].span_id
    assert spans["compute"].parent_id == spans["mnist_cnn"].span_id
    assert spans["compute"].service == spans["InferRequest"].service == "triton"

    order = [spans[name] for name in ("decode", "queue", "triton")]
    assert all(one.end_ns <= next_one.start_ns + 1_000_000 for one, next_one in pairwise(order))
    assert spans["triton"].start_ns <= spans["compute"].start_ns <= spans["triton"].end_ns
    # Triton sends the answer before it notes that the computation has ended: on busy cores milliseconds before.
    assert spans["compute"].end_ns <= spans["triton"].end_ns + 100_000_000

    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["api.request_id"] == client.request_id == answer.headers["x-request-id"]
    assert spans["mnist_cnn"].attributes["triton.request_id"] == client.request_id
    lines = [json.loads(line) for line in traced.log.read_text().splitlines() if client.request_id in line]
    assert [line["trace_id"] for line in lines] == [client.trace_id]


async def test_a_coalesced_call_has_a_link_to_every_request_that_it_carries(traced, receiver, body):
    clients = [Client() for _ in range(16)]
    async with httpx.AsyncClient(base_url=traced.url, timeout=60) as http:
        answers = await asyncio.gather(*(http.post("/predict", json=body, headers=c.headers) for c in clients))
    assert {answer.status_code for answer in answers} == {200}
    requests = [trace_of(receiver, client, {"POST /predict"})["POST /predict"] for client in clients]
    by_place = {(span.trace_id, span.span_id): span for span in requests}

    calls = [s for s in list(receiver.spans) if s.name == "triton" and s.attributes["api.batch_requests"] > 1]
    assert calls
    for call in calls:
        assert len(call.links) == call.attributes["api.batch_requests"] == call.attributes["api.batch_rows"]
        first, *others = [by_place[link] for link in call.links]
        assert call.parent_id == first.span_id
        assert [other.links for other in others] == [[(call.trace_id, call.span_id)]] * len(others)
        wait_until(lambda call=call: call.span_id in {s.parent_id for s in list(receiver.spans)}, 15, "Triton's spans")


def test_a_request_without_a_trace_begins_one(traced, receiver, body):
    answer = httpx.post(f"{traced.url}/predict", json=body, timeout=30)
    request_id = answer.headers["x-request-id"]

    def found() -> list[Span]:
        return [span for span in list(receiver.spans) if span.attributes.get("api.request_id") == request_id]

    wait_until(lambda: bool(found()), 15, "the request's span")
    (request,) = found()
    assert request.parent_id == ""
    wait_until(lambda: ("compute", request.trace_id) in {(s.name, s.trace_id) for s in list(receiver.spans)}, 15, "it")


def test_who_asks_not_to_be_traced_is_not_and_neither_are_probes(traced, receiver, body):
    unsampled, later = Client(is_sampled=False), Client()
    for client in (unsampled, later):
        httpx.post(f"{traced.url}/predict", json=body, headers=client.headers, timeout=30).raise_for_status()
    trace_of(receiver, later, {"POST /predict", "compute"})
    assert unsampled.trace_id not in {span.trace_id for span in receiver.spans}
    assert not [span for span in receiver.spans if "health" in span.name]


def test_a_collector_that_is_away_costs_no_request_and_no_time_at_a_stop(run_dir, triton, trainer, body):
    settings = QUICK | {"API_OTLP_ENDPOINT": "http://127.0.0.1:9", "API_WORKERS": "1"}  # nobody listens there
    with ApiServer(run_dir / "api-lonely", triton.grpc_url, API_TRACE_RATIO="1", **settings) as api:
        api.wait_ready()
        for _ in range(30):
            httpx.post(f"{api.url}/predict", json=body, timeout=30).raise_for_status()
        wait_until(lambda: "export" in api.log.read_text(), 15, "a line that says so")
        start = time.monotonic()
        assert api.stop() == 0
        assert time.monotonic() - start < 10
    assert api.log.read_text().count("span") < 5
