"""A connection around a small app, with a list in the socket's place."""

import asyncio
import json
import re

from uvicorn import Config
from uvicorn.server import ServerState

from api.server.connection import ClientConnection
from api.settings import Settings

SETTINGS = Settings(client_timeout_s=5, max_header_bytes=4096, max_body_bytes=1024, v2_max_body_bytes=1024)
GET = b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n"


class Transport:
    """As much of a socket as uvicorn asks for."""

    def __init__(self) -> None:
        self.written = b""
        self.unread_bytes = 0
        self.is_closed = self.is_aborted = self.is_ended = self.is_paused = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        assert not self.is_ended
        self.written += data

    def write_eof(self) -> None:
        self.is_ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def get_extra_info(self, _name: str) -> None:
        return None


class Client:
    """Sends bytes, and sees what comes back."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.gate = asyncio.Event()
        self.transport = Transport()
        config = Config(self._app, interface="asgi3", http=ClientConnection, ws="none", lifespan="off", log_config=None)
        config.load()
        self.connection = ClientConnection(config, ServerState(), {}, settings=SETTINGS)
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]

    async def _app(self, scope, receive, send) -> None:
        """Answer ``/quick`` and ``/early`` without a body, the rest after body and gate; close after ``/last``."""
        body = b""
        if scope["path"] not in ("/quick", "/early"):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message["body"]
                if not message["more_body"]:
                    break
            await self.gate.wait()
        self.asked.append((scope["path"], body))
        headers = [(b"content-length", b"0"), *([(b"connection", b"close")] if scope["path"] == "/last" else [])]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def after(self, seconds: float) -> None:
        """Let the connection check a clock that has gone on by so much."""
        self.connection.check(asyncio.get_running_loop().time() + seconds)

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", self.transport.written)]

    def last_error(self) -> tuple[str, str]:
        last = list(re.finditer(rb"HTTP/1\.1 \d{3}", self.transport.written))[-1]
        head, _, body = self.transport.written[last.start() :].partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        error = json.loads(body)["error"]
        assert headers["content-type"] == "application/json"
        assert headers["connection"] == "close"
        assert headers["x-request-id"] == error["request_id"]
        assert int(headers["content-length"]) == len(body)
        return error["code"], error["message"]


def post(path: bytes = b"/slow", *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"host: a", *headers]) + b"\r\n\r\n" + body
