"""A receiver of webhooks on a loopback port."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Received(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes


class WebhookReceiver:
    """Answers with the statuses given, one after the other, then with 200; ``with WebhookReceiver([500]) as it``.

    Args:
        statuses: The first answers' statuses.
        location: Where their redirections lead.
    """

    def __init__(self, statuses: list[int] | None = None, location: str = "") -> None:
        self.received: list[Received] = []
        pending, received = list(statuses or ()), self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(pending.pop(0) if pending else 200)
                self.send_header("content-length", "0")
                if location:
                    self.send_header("location", location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ended"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
