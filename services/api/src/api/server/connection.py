"""A client's connection: uvicorn's, with bounds on how much comes before a request, and on how long a client takes.

uvicorn with httptools reads a head of any length, waits for it for ever, and answers what isn't HTTP in plain text and
into the middle of other answers. Here each of that ends in the one error body, in its turn, and in a closed connection.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.errors import ApiError, BadRequest, HeadersTooLarge, RequestTimeout
from api.server.at_once import run_at_once
from api.server.refusal import wire_of
from api.settings import Settings

# Requests that may wait on a connection for the answer to an earlier one. 256 kB, read at a time, could hold 14,000.
MAX_PIPELINED = 64
# What is read and thrown away of a body that was refused, so that the client gets to read why, in largest bodies.
_MAX_LEFT_BODIES = 8
# For the same reason a refused connection is read on from for a moment.
_LINGER_S = 2.0


class ClientConnection(HttpToolsProtocol):
    """One connection.

    Args:
        args, kwargs: uvicorn's.
        settings: How long a head may be, and how long a client may take.
        is_refused: Says of a path whether a request to it would be refused at the concurrency limit.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - uvicorn's
        settings: Settings,
        is_refused: Callable[[str], bool],
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self._is_refused = is_refused
        self._timeout_s = settings.client_timeout_s
        self._max_head_bytes = settings.max_header_bytes
        self._max_left_bytes = _MAX_LEFT_BODIES * settings.max_body_bytes
        self._is_receiving = False  # a request has begun, and isn't whole
        self._has_head = False
        self._due: float | None = None  # when the head that the client is sending has to be there
        self._chunk_bytes = 0  # that came last
        self._quiet_bytes = 0  # that have come since a head, a piece of a body or a request was complete
        self._left_bytes = 0  # of a body that nobody wants any more
        self._fault: ApiError | None = None  # found while parsing
        self._refusal: ApiError | None = None  # the last answer on this connection
        self._unread = (0, 0.0)  # bytes that the client hasn't read, and since when it has read none of them

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._wait_from_now()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._chunk_bytes = len(data)
        self._quiet_bytes += self._chunk_bytes
        try:
            while data:
                data = self._parse(data)
        except HttpParserError:
            self._refuse(self._fault or BadRequest("What came is no HTTP/1.1 request, or a broken one."))
        else:
            if self._quiet_bytes > self._max_head_bytes:
                self._refuse(self._too_large())

    def _parse(self, data: bytes) -> bytes:
        """Parse up to the end of a head that asks for another protocol, nearly always all; return the rest."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as stop:
            # Nobody here speaks another protocol, so the request is answered as if it hadn't asked. The parser won't go
            # on, and takes the request to be whole: another one does that from here.
            proxy = _Callbacks(self)
            self.parser = HttpRequestParser(proxy)
            if framing := self._framing():
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
            proxy.are_heard = True
            return data[stop.args[0] :]
        return b""

    def _framing(self) -> bytes:
        """Return the headers that say how long the body is; none where there is none."""
        return b"".join(
            [
                b"%b: %b\r\n" % (name, value)
                for name, value in self.headers
                if name == b"transfer-encoding" or (name == b"content-length" and int(value))
            ]
        )

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        super().on_message_begin()
        self._is_receiving, self._has_head = True, False
        self._wait_from_now()

    def on_headers_complete(self) -> None:
        """Hand the request to the app, or put it behind those that came before."""
        # Counted only where there is something to count: it takes as long as all the rest here.
        if max(self._quiet_bytes, self._chunk_bytes) > self._max_head_bytes < self._head_bytes():
            self._fault = self._too_large()
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._fault = BadRequest(f"At most {MAX_PIPELINED} requests may wait for an answer; read some first.")
        if self._fault is not None:
            raise HttpParserError(self._fault.message)
        super().on_headers_complete()
        self._has_head = True
        self._quiet_bytes = self._left_bytes = 0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's
        """Let the app serve a request: in a task, or here and now where there is no room for it.

        Tasks run in the order in which they were made: a refusal would wait for all the work that came in with it.
        """
        if not self._is_refused(cycle.scope["path"]):
            super()._start_asgi_task(cycle, app)
        elif (task := run_at_once(cycle.run_asgi(app), self.loop)) is not None:
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        """Take in a piece of the body."""
        super().on_body(body)
        self._quiet_bytes = 0
        if self.cycle.response_complete:
            self._left_bytes += len(body)
            if self._left_bytes > self._max_left_bytes:
                self.transport.close()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        if self.parser.should_upgrade() and self._framing():
            return  # so the parser says; the body is still to come
        super().on_message_complete()
        self._is_receiving, self._due, self._quiet_bytes = False, None, 0

    def on_response_complete(self) -> None:
        """Go on with the next request, or with the refusal of what came after the last."""
        was_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if was_last and self._refusal is not None:
            self._hang_up(self._refusal)
        self.flow.resume_reading()

    def look(self, now: float) -> None:
        """Hang up on a client that keeps us waiting; called about once a second.

        Args:
            now: The event loop's time.
        """
        if self._due is None and self._is_idle() and self.timeout_keep_alive_task is None:
            self._due = now + self._timeout_s  # empty lines have ended keep-alive, and begun nothing
        late_s = -1.0 if self._due is None else now - self._due
        if self._is_unread(now) or (late_s >= 0 and self._refusal is not None):
            self.transport.abort()
        elif late_s >= 0:
            self._give_up(late_s)

    def _give_up(self, late_s: float) -> None:
        if self._is_receiving and not self._has_head:
            self._refuse(RequestTimeout(f"The request's headers weren't there within {self._timeout_s:g} s."))
        elif not self._is_receiving or (self.cycle.response_complete and late_s >= self._timeout_s):
            self.transport.close()
        # Else the app waits for the rest of the body, and has a time of its own for that.

    def _is_unread(self, now: float) -> bool:
        """Say whether the client has left its answers lying for too long."""
        unread_bytes = self.transport.get_write_buffer_size()
        if not unread_bytes or unread_bytes != self._unread[0]:
            self._unread = (unread_bytes, now)
        return now - self._unread[1] > self._timeout_s

    def _wait_from_now(self) -> None:
        self._due = self.loop.time() + self._timeout_s

    def _head_bytes(self) -> int:
        return len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])

    def _too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(f"The request line and the headers are over {self._max_head_bytes} bytes.")

    def _is_idle(self, but: RequestResponseCycle | None = None) -> bool:
        """Say whether nothing waits for an answer, or only this one."""
        return not self.pipeline and (self.cycle is None or self.cycle.response_complete or self.cycle is but)

    def _refuse(self, refusal: ApiError) -> None:
        """Give up on what is being received: answer it once everything before it has its answer, and hang up."""
        self._refusal, self._due = refusal, None
        refused = self.cycle if self._is_receiving and self._has_head else None
        if refused is not None and self.pipeline and self.pipeline[0][0] is refused:
            self.pipeline.popleft()
            return
        if not self._is_idle(refused):
            return
        if refused is not None:
            refused.disconnected = True  # so that the app has nothing more to say
            refused.message_event.set()
            if refused.response_started:
                self.transport.close()
                return
        self._hang_up(refusal)
        self.flow.resume_reading()

    def _hang_up(self, refusal: ApiError) -> None:
        """Send the refusal; the connection closes when the client has read it, or in a moment."""
        self._unset_keepalive_if_required()
        self.transport.write(wire_of(refusal, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._due = self.loop.time() + min(self._timeout_s, _LINGER_S)
        else:
            self.transport.close()


class _Callbacks:
    """Passes on what a parser finds, but for what it was given to begin with.

    Args:
        connection: Who wants to know.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.are_heard = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a callback's
        callback = getattr(self._connection, name)
        return lambda *args: callback(*args) if self.are_heard else None


class _Flow(FlowControl):
    """uvicorn's; but while requests wait for an earlier one's answer, nothing more is read.

    Args:
        transport: What is read from.
        pipeline: The requests that wait.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: Any) -> None:  # noqa: ANN401 - uvicorn's deque
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._pipeline:
            super().resume_reading()
