"""The real stack on free loopback ports: Tritons and one api, which can be broken and mended one by one."""

import asyncio
import contextlib
import json
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from bench.contenders.catalogue import own_programs
from bench.errors import BenchError
from bench.process import Server, answers, clean_env, free_port
from chaos.errors import ChaosError
from chaos.paths import ROOT

MODEL = "mnist_cnn"
ADMIN_KEY = "key-of-this-run"
WORKERS = 2
DEADLINE_S = 2.0
_PATIENCE_S = 90.0


class Part:
    """A process of the stack that can be started again where it was.

    Args:
        name: For its log.
        folder: Where its log and its files go.
        argv: The command.
        env: Its settings.
    """

    def __init__(self, name: str, folder: Path, argv: list[str], env: dict[str, str]) -> None:
        self.name, self._argv, self._env = name, argv, env
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._server: Server | None = None
        self._orphans: list[psutil.Process] = []

    async def start(self) -> None:
        """Start it; don't wait until it serves.

        Raises:
            ChaosError: The command can't be run.
        """
        env = clean_env(own_programs(), **self._env)
        try:
            self._server = await asyncio.to_thread(Server, self._argv, self.log, env, ROOT)
        except OSError as exc:
            raise ChaosError(f"{self.name} can't be started: {exc}") from exc

    @property
    def server(self) -> Server:
        """The process.

        Raises:
            ChaosError: It isn't running.
        """
        if self._server is None:
            raise ChaosError(f"{self.name} isn't running")
        return self._server

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself."""
        if number is signal.SIGKILL:
            self._orphans += self.family()[1:]
        self.server.process.send_signal(number)

    def family(self) -> list[psutil.Process]:
        """Return the process and all that it started."""
        return self.server.family()

    async def end(self, within_s: float = 20) -> int:
        """Wait until it has ended by itself; return its status.

        Raises:
            ChaosError: It goes on.
        """
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                return int(await asyncio.to_thread(self.server.process.wait, within_s) or 0)
            except psutil.TimeoutExpired as exc:
                raise ChaosError(f"{self.name} hadn't ended after {within_s:g} s") from exc
        return 0

    async def bury(self) -> int:
        """End what a killed process has left behind; return how many hadn't ended by themselves."""
        _, alive = await asyncio.to_thread(psutil.wait_procs, self._orphans, 5)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._orphans = []
        return len(alive)

    async def stop(self) -> None:
        """End it and whatever it started, stopped or not."""
        await self.bury()
        if self._server is not None:
            for process in self._server.family():
                with contextlib.suppress(psutil.Error):
                    process.resume()
            await asyncio.to_thread(self._server.stop, 15)
            self._server = None

    async def serving(self, url: str) -> None:
        """Wait until a URL answers with a success.

        Raises:
            ChaosError: It doesn't.
        """
        try:
            await asyncio.to_thread(self.server.wait_until, lambda: answers(url), _PATIENCE_S)
        except BenchError as exc:
            raise ChaosError(f"{self.name}: {exc}") from exc


class Triton(Part):
    """The real tritonserver.

    Args:
        name: For its log.
        repository: What it serves.
        folder: Where its log goes.
    """

    def __init__(self, name: str, repository: Path, folder: Path) -> None:
        http, grpc, metrics = (free_port() for _ in range(3))
        self.address = f"127.0.0.1:{grpc}"
        self._http_url = f"http://127.0.0.1:{http}"
        env = {
            "TRITON_HTTP_PORT": str(http),
            "TRITON_GRPC_PORT": str(grpc),
            "TRITON_METRICS_PORT": str(metrics),
            "TRITON_MODEL_REPOSITORY": str(repository),
            "TRITON_RUN_DIR": str(folder / "triton"),
            "TRITON_ADMIN_KEY": ADMIN_KEY,
            "TRITON_EXIT_TIMEOUT_S": "10",
        }
        super().__init__(name, folder, [str(own_programs() / "python"), "-m", "triton_runtime"], env)

    async def start_serving(self) -> None:
        """Start it, and wait until it serves the model."""
        await self.start()
        await self.serving(f"{self._http_url}/v2/models/{MODEL}/ready")

    async def load(self) -> str | None:
        """Have it load what the repository names now; return why it doesn't, or None."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> str | None:
        url = f"{self._http_url}/v2/repository/models/{MODEL}/load"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, b"{}", {"admin-key": ADMIN_KEY}), timeout=60):
                return None
        except urllib.error.HTTPError as refused:
            return str(json.load(refused).get("error"))


class Api(Part):
    """gunicorn with its workers.

    Args:
        name: For its log.
        tritons: Whom it asks.
        folder: Where its log and counters go.
        settings: Further ``API_*`` variables.
    """

    def __init__(self, name: str, tritons: list[Triton], folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {
            "API_PORT": str(self.port),
            "API_WORKERS": str(WORKERS),
            "API_TRITON_URL": f"ipv4:{','.join(triton.address for triton in tritons)}",
            "API_DEADLINE_S": f"{DEADLINE_S:g}",
            "API_METRICS_DIR": str(folder / f"{name}-metrics"),
            "API_LOG_FORMAT": "json",
        }
        argv = [str(own_programs() / "gunicorn"), "--config", "python:api.server.gunicorn_conf", "api.asgi:app"]
        super().__init__(name, folder, argv, env | settings)

    async def start_serving(self) -> None:
        """Start it, and wait until the model answers through it."""
        await self.start()
        await self.serving(f"{self.url}/health/ready")

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes, the oldest first."""
        return sorted(self.server.process.children(), key=lambda worker: worker.create_time())

    def memory_bytes(self) -> int:
        """Return what its processes hold together, shared pages counted once."""
        return sum(process.memory_full_info().pss for process in self.family())


@contextlib.asynccontextmanager
async def running(*parts: Triton | Api) -> AsyncIterator[None]:
    """Start parts in their order, all of one kind at once, and end them with the block."""
    try:
        await asyncio.gather(*(part.start_serving() for part in parts if isinstance(part, Triton)))
        await asyncio.gather(*(part.start_serving() for part in parts if isinstance(part, Api)))
        yield
    finally:
        await asyncio.shield(asyncio.gather(*(part.stop() for part in reversed(parts)), return_exceptions=True))
