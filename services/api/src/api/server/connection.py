"""A client's connection: uvicorn's, with bounds on the size of headers and on the time that a client takes.

uvicorn with httptools reads headers of any size, waits for them without a time-out, and answers malformed HTTP in plain
text and in the middle of other answers. Here each of these ends in the one error body, after the answers to earlier
requests, and in a closed connection. Every name of uvicorn's protocol that the api builds on is used in this file;
docs/decisions/0008-private-names.md lists them, and what the alternatives do.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.errors import ApiError, BadRequest, HeadersTooLarge, RequestTimeout
from api.server.refusal import wire_of
from api.settings import Settings

# Requests that may wait on a connection for the answer to an earlier one. 256 kB, read at a time, could hold 14,000.
MAX_PIPELINED = 64
# The part of a refused body that is read and discarded, in multiples of the largest allowed body of a task, or of /v2.
# Closing at once would reset the connection, and the client would lose the refusal.
_MAX_DISCARDED_BODIES = 4
_MAX_DISCARDED_V2_BODIES = 2
# For the same reason a connection that is to close stays open until the client closes its side, or has sent nothing for
# this long, or has gone on sending for so many times the time that a request may take.
_LINGER_S = 2.0
_LINGER_TIMEOUTS = 2


class ClientConnection(HttpToolsProtocol):
    """One connection.

    Args:
        args, kwargs: uvicorn's.
        settings: The bounds on headers and on a client's time.
    """

    def __init__(self, *args: Any, settings: Settings, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self._timeout_s = settings.client_timeout_s
        self._max_header_bytes = settings.max_header_bytes
        self._max_discarded_bytes = max(
            _MAX_DISCARDED_BODIES * settings.max_body_bytes, _MAX_DISCARDED_V2_BODIES * settings.v2_max_body_bytes
        )
        self._is_receiving = False  # a request has begun and isn't complete
        self._has_headers = False
        self._due: float | None = None  # the time by which the headers have to be complete
        self._chunk_bytes = 0  # size of the last read
        self._unparsed_bytes = 0  # read since headers, a piece of a body or a request were last complete
        self._discarded_bytes = 0  # of the body of a request that has been answered
        self._fault: ApiError | None = None  # found while parsing
        self._refusal: ApiError | None = None  # the last answer on this connection
        self._is_lingering = False  # the last answer is sent; what still arrives is discarded
        self._linger_until = 0.0
        self._unread = (0, 0.0)  # bytes that the client hasn't read, and the time since which it has read nothing

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time in which the first request has to arrive."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._answering = _AnsweringTransport(transport, self._close)
        self._wait_from_now()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what leads back to the connection: such a cycle would be for the garbage collector."""
        super().connection_lost(exc)
        self._answering.close = self.transport.close

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that arrived."""
        if self._is_lingering:
            self._discard(len(data))
            return
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._chunk_bytes = len(data)
        self._unparsed_bytes += self._chunk_bytes
        try:
            while data:
                data = self._parse(data)
        except HttpParserError:
            self._refuse(self._fault or BadRequest("Malformed HTTP/1.1 request."))
        else:
            if self._unparsed_bytes > self._max_header_bytes:
                self._refuse(self._too_large())

    def _parse(self, data: bytes) -> bytes:
        """Parse up to the end of headers that ask for another protocol, usually all bytes; return the rest."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            # The server speaks HTTP/1.1 only and ignores the upgrade. This parser stops here and takes the request for
            # complete, so a new parser continues with the body; it is given the headers that frame the body first.
            proxy = _Callbacks(self)
            self.parser = HttpRequestParser(proxy)
            if framing := self._framing():
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
            proxy.is_enabled = True
            return data[stop.args[0] :]
        return b""

    def _framing(self) -> bytes:
        """Return the headers that frame the body; empty where there is no body."""
        return b"".join(
            [
                b"%b: %b\r\n" % (name, value)
                for name, value in self.headers
                if name == b"transfer-encoding" or (name == b"content-length" and int(value))
            ]
        )

    def on_message_begin(self) -> None:
        """Start the time in which the headers have to be complete."""
        super().on_message_begin()
        self._is_receiving, self._has_headers = True, False
        self._wait_from_now()

    def on_headers_complete(self) -> None:
        """Pass the request to the app, or queue it behind earlier requests of this connection."""
        # Headers are measured only where they can be too large: that takes as long as the rest of this method.
        if max(self._unparsed_bytes, self._chunk_bytes) > self._max_header_bytes < self._header_bytes():
            self._fault = self._too_large()
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._fault = BadRequest(f"At most {MAX_PIPELINED} requests may wait for an answer; read some first.")
        if self._fault is not None:
            raise HttpParserError(self._fault.message)
        super().on_headers_complete()
        self.cycle.transport = self._answering  # type: ignore[assignment]
        self._has_headers = True
        self._unparsed_bytes = self._discarded_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body, or discard it where the request has been answered."""
        super().on_body(body)
        self._unparsed_bytes = 0
        if self.cycle.response_complete:
            self._discard(len(body))

    def _discard(self, size: int) -> None:
        """Count bytes that no answer depends on, and close the connection where they are too many."""
        self._discarded_bytes += size
        if self._discarded_bytes > self._max_discarded_bytes:
            self.transport.close()
        elif self._is_lingering:
            self._due = min(self.loop.time() + _LINGER_S, self._linger_until)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        if self.parser.should_upgrade() and self._framing():
            return  # the parser takes an upgrade to have no body, which is still to come
        super().on_message_complete()
        self._is_receiving, self._due, self._unparsed_bytes = False, None, 0

    def on_response_complete(self) -> None:
        """Start the next request, or send the refusal of the bytes that followed the last request."""
        if self._is_lingering:
            return
        was_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if was_last and self._refusal is not None:
            self._send_refusal(self._refusal)
        self.flow.resume_reading()

    def shutdown(self) -> None:
        """Close the connection once its answers are sent, as uvicorn does at the end of a worker."""
        if not self._is_lingering:
            super().shutdown()

    def check(self, now: float) -> None:
        """Close the connection, or refuse its request, where the client is over its time; called about once a second.

        Args:
            now: The event loop's time.
        """
        if self._due is None and self._is_idle() and self.timeout_keep_alive_task is None:
            self._due = now + self._timeout_s  # empty lines stop the keep-alive timer and begin no request
        late_s = -1.0 if self._due is None else now - self._due
        if self._is_unread(now) or (late_s >= 0 and self._is_lingering):
            self.transport.abort()
        elif late_s >= 0:
            self._expire(late_s)

    def _expire(self, late_s: float) -> None:
        if self._is_receiving and not self._has_headers:
            self._refuse(RequestTimeout(f"The request's headers weren't complete within {self._timeout_s:g} s."))
        elif not self._is_receiving or (self.cycle.response_complete and late_s >= self._timeout_s):
            self.transport.close()
        # Otherwise the app is reading the body, within the request's own deadline.

    def _is_unread(self, now: float) -> bool:
        """Say whether the client has read nothing of its answers for too long."""
        unread_bytes = self.transport.get_write_buffer_size()
        if not unread_bytes or unread_bytes != self._unread[0]:
            self._unread = (unread_bytes, now)
        return now - self._unread[1] > self._timeout_s

    def _wait_from_now(self) -> None:
        self._due = self.loop.time() + self._timeout_s

    def _header_bytes(self) -> int:
        return len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])

    def _too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(f"The request line and the headers are over {self._max_header_bytes} bytes.")

    def _is_idle(self, but: RequestResponseCycle | None = None) -> bool:
        """Say whether no request is unanswered, or only ``but`` is."""
        return not self.pipeline and (self.cycle is None or self.cycle.response_complete or self.cycle is but)

    def _refuse(self, refusal: ApiError) -> None:
        """Stop receiving. The refusal is sent once all earlier requests are answered; then the connection closes."""
        self._refusal, self._due = refusal, None
        refused = self.cycle if self._is_receiving and self._has_headers else None
        if refused is not None and self.pipeline and self.pipeline[0][0] is refused:
            self.pipeline.popleft()
            return
        if not self._is_idle(refused):
            return
        if refused is not None:
            refused.disconnected = True  # the app's answer is dropped
            refused.message_event.set()
            if refused.response_started:
                self.transport.close()
                return
        self._send_refusal(refusal)

    def _send_refusal(self, refusal: ApiError) -> None:
        """Send the refusal and close."""
        self._unset_keepalive_if_required()
        self.transport.write(wire_of(refusal, self.server_state.default_headers))
        self._linger()

    def _close(self) -> None:
        """Close the connection after an answer that is the last one."""
        if self._is_receiving or self.pipeline:
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """Close the connection when the client has closed its side, discarding what it sends until then.

        The client learns at once that no more comes, except under TLS, which has no half-closed connections.
        """
        now = self.loop.time()
        self._is_lingering, self._linger_until = True, now + _LINGER_TIMEOUTS * self._timeout_s
        self._due = now + min(self._timeout_s, _LINGER_S)
        self.pipeline.clear()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()


class _AnsweringTransport:
    """What uvicorn writes a request's answer to, with a ``close`` of the connection's own.

    A socket that is closed while bytes wait to be read is reset, and the client loses the answer that is on its way.

    Args:
        transport: The connection's.
        close: Called in place of the transport's own ``close``.
    """

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write, self.is_closing, self.close = transport.write, transport.is_closing, close


class _Callbacks:
    """Passes a parser's callbacks on to the connection once it is enabled.

    Args:
        connection: Receives the callbacks.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.is_enabled = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a callback's
        callback = getattr(self._connection, name)
        return lambda *args: callback(*args) if self.is_enabled else None


class _Flow(FlowControl):
    """uvicorn's flow control, which here doesn't resume reading while requests wait for an earlier one's answer.

    Args:
        transport: The connection's.
        pipeline: The requests that wait.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: Any) -> None:  # noqa: ANN401 - uvicorn's deque
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Resume reading, unless requests wait."""
        if not self._pipeline:
            super().resume_reading()
