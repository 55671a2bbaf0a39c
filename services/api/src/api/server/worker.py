"""The gunicorn worker class: uvicorn with uvloop and httptools, and a graceful shutdown that loses no request.

On a stop signal a worker serves on for ``unready_s``: it still accepts connections, answers with ``Connection: close``,
and, where the whole api stops, is unready at ``/health/ready``. Then it stops listening, finishes the requests in
flight, and ends. The names of uvicorn and gunicorn used here are listed in docs/decisions/0008-private-names.md.
"""

import asyncio
import contextlib
import functools
import itertools
import logging
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
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

_log = logging.getLogger(__name__)

# How long a client that has connected but sent no request yet is waited for once the worker has stopped listening.
_FIRST_REQUEST_S = 1.0
_TICK_S = 0.1
_TICKS_A_CHECK = 10


class DrainingServer(Server):
    """uvicorn's server with a shutdown in steps.

    Args:
        config: uvicorn's configuration.
        drain: Told when the worker begins to stop.
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
        """Note the signal; an interrupt (Ctrl-C, gunicorn's quick stop) skips the time to serve on for."""
        self._is_hurried |= sig in {signal.SIGINT, signal.SIGQUIT}
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second, and once a second close connections of clients over their time."""
        if counter % _TICKS_A_CHECK == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, ClientConnection):
                    connection.check(now)
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        """Serve until told to stop, and then for ``unready_s`` more."""
        await super().main_loop()
        self._drain.begin(self._is_api_stopping)
        async with self._ticking():
            await self._wait(lambda: self._is_hurried, self._unready_s)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Stop listening, and finish the requests of all connections.

        uvicorn alone would close connections that haven't sent their first request, and stop gunicorn's heartbeat.
        """
        async with self._ticking():
            accepted = [connection for listener in sockets or () for connection in _accept_all(listener)]
            for listener in (*self.servers, *(sockets or ())):
                listener.close()
            self.servers = []
            await self._adopt(accepted)
            await self._wait(self._has_every_client_asked, _FIRST_REQUEST_S)
            await super().shutdown()

    async def _adopt(self, connections: list[socket.socket]) -> None:
        loop, config = asyncio.get_running_loop(), self.config
        protocol: Callable[..., asyncio.Protocol] = config.http_protocol_class
        make = functools.partial(protocol, config=config, server_state=self.server_state, app_state=self.lifespan.state)
        adopted = (loop.connect_accepted_socket(make, connection, ssl=config.ssl) for connection in connections)
        await asyncio.gather(*adopted, return_exceptions=True)

    def _has_every_client_asked(self) -> bool:
        connections = self.server_state.connections
        return self._is_hurried or all(getattr(connection, "cycle", None) for connection in connections)

    async def _wait(self, condition: Callable[[], bool], at_most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while not condition():  # noqa: ASYNC110 - uvicorn has no event to wait for
                    await asyncio.sleep(_TICK_S / 2)

    @contextlib.asynccontextmanager
    async def _ticking(self) -> AsyncIterator[None]:
        """Keep uvicorn's ``Date`` and gunicorn's heartbeat going, as uvicorn's main loop does until it ends."""

        async def tick() -> None:
            for count in itertools.count():
                await self.on_tick(count)
                await asyncio.sleep(_TICK_S)

        ticking = asyncio.create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()


def _accept_all(listener: socket.socket) -> list[socket.socket]:
    """Accept the connections that wait in the kernel's queue; they would be reset when the last listener closes."""
    found = []
    with contextlib.suppress(OSError):  # BlockingIOError: the queue is empty
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)  # noqa: FBT003 - its name says it
            found.append(connection)
    return found


class ApiWorker(UvicornWorker):  # type: ignore[misc]
    """Runs the app with the settings that it was made with."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
    }
    # Set by gunicorn_conf after the fork.
    is_api_stopping: Callable[[], bool]

    def load_wsgi(self) -> None:
        """Load the app. A setting that it can't use stops gunicorn, which would otherwise start the worker anew."""
        try:
            super().load_wsgi()
        except SystemExit as refusal:
            _log.error(refusal.code)
            sys.exit(Arbiter.APP_LOAD_ERROR)

    async def _serve(self) -> None:
        config, state = self.config, self.wsgi.state
        settings: Settings = state.settings
        config.app = self.wsgi
        config.http = functools.partial(ClientConnection, settings=settings)
        # Headers of proxies count only where the deployment names the proxies.
        config.proxy_headers, config.forwarded_allow_ips = bool(settings.trusted_proxies), settings.trusted_proxies
        # gunicorn's own time-out isn't passed on to uvicorn.
        config.timeout_graceful_shutdown = settings.drain_s
        if settings.tls_cert_file is not None:
            config.ssl_context_factory = functools.partial(_tls_context, settings)
        server = DrainingServer(config, state.drain, settings.unready_s, self.is_api_stopping)
        # gunicorn's quick stop, for which the base class installs a handler without effect.
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.handle_exit, signal.SIGQUIT, None)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def _tls_context(settings: Settings, *_: object) -> ssl.SSLContext:
    """Return a worker's TLS context; read anew by each worker, so that ``HUP`` takes up a renewed certificate."""
    assert settings.tls_cert_file is not None  # noqa: S101 - for the types; the settings have checked both
    assert settings.tls_key_file is not None  # noqa: S101
    return server_context(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
