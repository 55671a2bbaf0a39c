"""A receiver of OTLP over HTTP: it keeps the spans that the api and Triton send."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Span(NamedTuple):
    """One span; ids in hexadecimal, times in ns since 1970."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    links: list[tuple[str, str]]  # trace, span


class OtlpReceiver:
    """Listens on a free loopback port while the block runs."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.path == "/v1/traces", self.path
                is_json = self.headers["content-type"] == "application/json"
                receiver.spans += spans_of(from_json(body) if is_json else ExportTraceServiceRequest.FromString(body))
                answer = b"{}" if is_json else ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", self.headers["content-type"])
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def from_json(body: bytes) -> ExportTraceServiceRequest:
    """Read OTLP's JSON, which Triton sends: protobuf's own, but with ids in hexadecimal instead of base64."""

    def with_base64(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        ids = {"traceId", "spanId", "parentSpanId"}
        return {key: base64.b64encode(bytes.fromhex(value)).decode() if key in ids else value for key, value in pairs}

    return Parse(json.dumps(json.loads(body, object_pairs_hook=with_base64)), ExportTraceServiceRequest())


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Return the spans of one export."""
    for group in request.resource_spans:
        resource = {each.key: each.value.string_value for each in group.resource.attributes}
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield Span(
                resource.get("service.name", ""),
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes},
                [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
            )
