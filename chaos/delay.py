"""A TCP relay that delays what a server sends, as a slow server would."""

import asyncio
import contextlib
from typing import Self

from bench.process import free_port

_CHUNK = 64 * 1024


class Delay:
    """Relays connections to an address.

    Args:
        address: ``host:port`` of the server.

    Attributes:
        delay_s: Seconds by which the server's bytes are delayed; may change at any time.
        address: ``host:port`` of the relay.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.delay_s = 0.0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            upstream, downstream = await asyncio.open_connection(*self._target)
            try:
                await asyncio.gather(self._copy(reader, downstream), self._copy_later(upstream, writer))
            finally:
                downstream.close()
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()  # what the server still sends goes to the client

    async def _copy_later(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy bytes in their order, each ``delay_s`` after it came; the next ones are read meanwhile."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def write() -> None:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    writer.close()
                    return
                writer.write(data)

        writing = asyncio.create_task(write())
        try:
            while data := await reader.read(_CHUNK):
                waiting.put_nowait((loop.time() + self.delay_s, data))
            waiting.put_nowait((loop.time(), b""))
            await writing
        finally:
            writing.cancel()
