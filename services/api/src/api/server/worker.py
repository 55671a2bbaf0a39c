"""The gunicorn worker class: uvicorn with uvloop and httptools, and a way out on which no request gets lost.

Told to stop, a worker serves on for ``unready_s``: it still accepts, answers with ``Connection: close``, and, where
the whole api stops, says at ``/health/ready`` that it does. Then it closes its door, finishes what it has, and ends.
"""

import asyncio
import contextlib
import functools
import itertools
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn import Server
from uvicorn.config import Config
from uvicorn_worker import UvicornWorker

from api.drain import Drain
from api.server.connection import ClientConnection
from api.settings import Settings
from api.tls import server_context

# How long somebody who has connected, and has asked nothing yet, is waited for once the door is shut.
_FIRST_REQUEST_S = 1.0
_TICK_S = 0.1
_TICKS_A_LOOK = 10
_settings = Settings()


class DrainingServer(Server):
    """uvicorn, leaving in steps.

    Args:
        config: uvicorn's.
        drain: Told when the worker begins to leave.
        unready_s: Seconds to serve on for, ≥ 0.
        is_api_stopping: Says whether all workers stop, or this one only.
    """

    def __init__(
        self, config: Config, drain: Drain, unready_s: float, is_api_stopping: Callable[[], bool] = lambda: True
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._unready_s = unready_s
        self._is_api_stopping = is_api_stopping
        self._is_hurried = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal; an interrupt (Ctrl-C, gunicorn's quick stop) leaves out the time to serve on for."""
        self._is_hurried |= sig in {signal.SIGINT, signal.SIGQUIT}
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second, and now and then hang up on clients that keep us waiting."""
        if counter % _TICKS_A_LOOK == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, ClientConnection):
                    connection.look(now)
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        """Serve until told to stop, and then for ``unready_s`` more."""
        await super().main_loop()
        self._drain.begin(self._is_api_stopping)
        async with self._ticking():
            await self._wait(lambda: self._is_hurried, self._unready_s)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Close the door, and let everybody who is in finish.

        uvicorn would hang up on whoever has connected and not asked yet, and would let gunicorn's heartbeat stop.
        """
        async with self._ticking():
            last = [connection for door in sockets or () for connection in _standing_at(door)]
            for door in (*self.servers, *(sockets or ())):
                door.close()
            self.servers = []
            await self._take_in(last)
            await self._wait(self._has_everybody_asked, _FIRST_REQUEST_S)
            await super().shutdown()

    async def _take_in(self, connections: list[socket.socket]) -> None:
        loop, config = asyncio.get_running_loop(), self.config
        protocol: Callable[..., asyncio.Protocol] = config.http_protocol_class
        make = functools.partial(protocol, config=config, server_state=self.server_state, app_state=self.lifespan.state)
        taken = (loop.connect_accepted_socket(make, connection, ssl=config.ssl) for connection in connections)
        await asyncio.gather(*taken, return_exceptions=True)

    def _has_everybody_asked(self) -> bool:
        connections = self.server_state.connections
        return self._is_hurried or all(getattr(connection, "cycle", None) for connection in connections)

    async def _wait(self, condition: Callable[[], bool], at_most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while not condition():  # noqa: ASYNC110 - uvicorn has nothing to wait on
                    await asyncio.sleep(_TICK_S / 2)

    @contextlib.asynccontextmanager
    async def _ticking(self) -> Any:  # noqa: ANN401 - contextlib's generator
        """Keep uvicorn's ``Date`` and gunicorn's heartbeat going, which its main loop does until it ends."""

        async def tick() -> None:
            for count in itertools.count():
                await self.on_tick(count)
                await asyncio.sleep(_TICK_S)

        ticking = asyncio.create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()


def _tls_context(_config: Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return what a worker speaks TLS by; read anew by each, so that ``HUP`` takes up a renewed certificate."""
    assert _settings.tls_cert_file is not None  # noqa: S101 - for the types; the settings have seen to it
    assert _settings.tls_key_file is not None  # noqa: S101
    return server_context(_settings.tls_cert_file, _settings.tls_key_file, _settings.tls_client_ca_file)


def _standing_at(door: socket.socket) -> list[socket.socket]:
    """Accept whoever the kernel has let in and nobody has taken yet: the last to close the door would cut them off."""
    found = []
    with contextlib.suppress(OSError):  # BlockingIOError: that was the last
        while True:
            connection, _ = door.accept()
            connection.setblocking(False)  # noqa: FBT003 - its name says it
            found.append(connection)
    return found


class ApiWorker(UvicornWorker):  # type: ignore[misc]
    """Finishes what is in flight at a stop, for ``drain_s`` at most: gunicorn's time-out isn't passed on to uvicorn."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        # Nobody in front is believed who the client is unless the deployment says so.
        "proxy_headers": bool(_settings.trusted_proxies),
        "forwarded_allow_ips": _settings.trusted_proxies,
        "timeout_graceful_shutdown": _settings.drain_s,
        "ssl_context_factory": _tls_context if _settings.tls_cert_file else None,
    }
    # Set by gunicorn_conf after the fork.
    is_api_stopping: Callable[[], bool]

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        state, settings = self.wsgi.state, self.wsgi.state.settings
        self.config.http = functools.partial(
            ClientConnection,
            settings=settings,
            is_refused=lambda path: state.limiter.is_full() and state.access.is_guarded(path),
        )
        server = DrainingServer(self.config, state.drain, settings.unready_s, self.is_api_stopping)
        # gunicorn's quick stop; the class above only makes a note of it that nobody reads.
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.handle_exit, signal.SIGQUIT, None)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
