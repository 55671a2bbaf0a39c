"""A kept-alive HTTP connection that reports how it ended, which the usual HTTP clients hide."""

import asyncio
from typing import NamedTuple

import httptools


class Response(NamedTuple):
    """A response as received."""

    status: int
    body: bytes
    retry_after_s: float | None


class Closed(Exception):
    """The connection closed before the response was complete.

    Args:
        is_reused: It had carried a response before.
        is_empty: No byte of the response was received.
    """

    def __init__(self, *, is_reused: bool, is_empty: bool) -> None:
        super().__init__("closed before the response" if is_empty else "closed within the response")
        self.is_reused = is_reused
        self.is_empty = is_empty


class Connection(asyncio.Protocol):
    """Carries one request at a time; made by :func:`connect`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[Response] | None = None
        self._body = bytearray()
        self._retry_after_s: float | None = None
        self._is_empty = True
        self._responses = 0
        self.port = 0  # the client's end, which identifies the connection in the server process

    async def send(self, request: bytes, within_s: float) -> Response:
        """Send a complete request and return its response.

        Raises:
            Closed: The connection closed first.
            TimeoutError: The response is not complete within ``within_s``.
        """
        if self._transport is None:
            raise self._closed()
        self._response = asyncio.get_running_loop().create_future()
        self._body.clear()
        self._retry_after_s, self._is_empty = None, True
        self._transport.write(request)
        async with asyncio.timeout(within_s):
            return await self._response

    @property
    def is_open(self) -> bool:
        """Whether the connection can take a request, as far as the client knows."""
        return self._transport is not None

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and the local port."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._is_empty = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()
            self._fail()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a reset counts like a close
        """Fail the pending request."""
        self._transport = None
        self._fail()

    def _fail(self) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_exception(self._closed())

    def _closed(self) -> Closed:
        return Closed(is_reused=self._responses > 0, is_empty=self._is_empty)

    # Called by httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep ``Retry-After``."""
        if name.lower() == b"retry-after":
            self._retry_after_s = float(value)

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Return the response to the sender, and close if the server asks for it."""
        self._responses += 1
        response = Response(self._parser.get_status_code(), bytes(self._body), self._retry_after_s)
        if not self._parser.should_keep_alive():
            self.close()
        if self._response is not None and not self._response.done():
            self._response.set_result(response)


async def connect(port: int) -> Connection:
    """Connect to a port on loopback.

    Raises:
        ConnectionRefusedError: No process listens there, or the last one stopped listening during the handshake;
            nothing has been sent.
        OSError: The connection fails for another reason.
    """
    try:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    except ConnectionResetError as exc:
        # The kernel completed the handshake, and the listening socket closed before a worker accepted it.
        raise ConnectionRefusedError(str(exc)) from exc
    return connection
