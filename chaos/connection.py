"""One kept-alive HTTP connection that knows how it ended: the only thing that a ready-made client won't tell."""

import asyncio
from typing import NamedTuple

import httptools


class Response(NamedTuple):
    """An answer as it came over the wire."""

    status: int
    body: bytes
    retry_after_s: float | None


class Closed(Exception):
    """The connection closed before the answer was there.

    Args:
        is_reused: It had carried an answer before.
        is_empty: Not a byte of the answer had come.
    """

    def __init__(self, *, is_reused: bool, is_empty: bool) -> None:
        super().__init__("closed in the middle of an answer" if not is_empty else "closed without an answer")
        self.is_reused = is_reused
        self.is_empty = is_empty


class Connection(asyncio.Protocol):
    """One request at a time; made by :func:`connect`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._body = bytearray()
        self._retry_after_s: float | None = None
        self._is_empty = True
        self.answers = 0
        self.port = 0  # ours, by which the server's end can be told

    async def ask(self, request: bytes, within_s: float) -> Response:
        """Send a whole request and return its answer.

        Raises:
            Closed: The connection closed first.
            TimeoutError: No answer within ``within_s``.
        """
        if self._transport is None:
            raise self._closed()
        self._answer = asyncio.get_running_loop().create_future()
        self._body.clear()
        self._retry_after_s, self._is_empty = None, True
        self._transport.write(request)
        async with asyncio.timeout(within_s):
            return await self._answer

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent, as far as we know."""
        return self._transport is not None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note our end."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._is_empty = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()
            self._fail()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a reset is as good as an end
        """Tell whoever waits."""
        self._transport = None
        self._fail()

    def _fail(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._closed())

    def _closed(self) -> Closed:
        return Closed(is_reused=self.answers > 0, is_empty=self._is_empty)

    # the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        """Pick the one header that matters here."""
        if name.lower() == b"retry-after":
            self._retry_after_s = float(value)

    def on_body(self, body: bytes) -> None:
        """Collect."""
        self._body += body

    def on_message_complete(self) -> None:
        """Hand the answer over, and hang up where the server asks for it."""
        self.answers += 1
        response = Response(self._parser.get_status_code(), bytes(self._body), self._retry_after_s)
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)


async def connect(port: int) -> Connection:
    """Connect to a port on loopback.

    Raises:
        ConnectionRefusedError: Nobody listens there, or stopped to in this instant; nothing has been sent.
        OSError: Something else is in the way.
    """
    try:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    except ConnectionResetError as exc:
        # The kernel had let us in, and the door was shut before anybody took us.
        raise ConnectionRefusedError(str(exc)) from exc
    return connection
