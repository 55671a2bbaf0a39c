"""The real stack on free loopback ports: Tritons and an API, each of which can be stopped and started alone."""

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
_TIMEOUT_S = 90.0


class Service:
    """A process of the stack that can be started again on the same port.

    Args:
        name: Names its log.
        folder: Folder of its log and files.
        argv: The command.
        env: Its settings.
    """

    def __init__(self, name: str, folder: Path, argv: list[str], env: dict[str, str]) -> None:
        self.name, self._argv, self._env = name, argv, env
        self.log = folder / f"{name}.log"
        self._server: Server | None = None
        self._orphans: list[psutil.Process] = []

    async def start(self) -> None:
        """Start the process without waiting for its readiness.

        Raises:
            ChaosError: The command cannot be run.
        """
        env = clean_env(own_programs(), **self._env)
        try:
            self._server = await asyncio.to_thread(Server, self._argv, self.log, env, ROOT)
        except OSError as exc:
            raise ChaosError(f"{self.name} cannot be started: {exc}") from exc

    @property
    def server(self) -> Server:
        """The running process.

        Raises:
            ChaosError: It is not running.
        """
        if self._server is None:
            raise ChaosError(f"{self.name} is not running")
        return self._server

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the main process."""
        if number is signal.SIGKILL:
            self._orphans += self.processes()[1:]
        self.server.process.send_signal(number)

    def processes(self) -> list[psutil.Process]:
        """Return the main process and its descendants."""
        return self.server.family()

    async def wait_ended(self, within_s: float = 20) -> int:
        """Wait until the main process has ended; return its exit status.

        Raises:
            ChaosError: It has not ended in time.
        """
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                return int(await asyncio.to_thread(self.server.process.wait, within_s) or 0)
            except psutil.TimeoutExpired as exc:
                raise ChaosError(f"{self.name} had not ended after {within_s:g} s") from exc
        return 0

    async def kill_orphans(self) -> int:
        """Kill the child processes that outlive a killed main process by 5 s; return their number."""
        _, alive = await asyncio.to_thread(psutil.wait_procs, self._orphans, 5)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._orphans = []
        return len(alive)

    async def stop(self) -> None:
        """End the process and its descendants, also if they are suspended."""
        await self.kill_orphans()
        if self._server is not None:
            for process in self._server.family():
                with contextlib.suppress(psutil.Error):
                    process.resume()
            await asyncio.to_thread(self._server.stop, 15)
            self._server = None

    async def wait_serving(self, url: str) -> None:
        """Wait until a URL answers with a success.

        Raises:
            ChaosError: It does not in time.
        """
        try:
            await asyncio.to_thread(self.server.wait_until, lambda: answers(url), _TIMEOUT_S)
        except BenchError as exc:
            raise ChaosError(f"{self.name}: {exc}") from exc


class Triton(Service):
    """The real tritonserver.

    Args:
        name: Names its log.
        repository: The model repository.
        folder: Folder of its log.
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
        """Start the process, and wait until it serves the model."""
        await self.start()
        await self.wait_serving(f"{self._http_url}/v2/models/{MODEL}/ready")

    async def load(self) -> str | None:
        """Load the version that the config selects; return Triton's error, or None."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> str | None:
        url = f"{self._http_url}/v2/repository/models/{MODEL}/load"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, b"{}", {"admin-key": ADMIN_KEY}), timeout=60):
                return None
        except urllib.error.HTTPError as refused:
            return str(json.load(refused).get("error"))


class Api(Service):
    """gunicorn and its workers.

    Args:
        name: Names its log.
        addresses: ``host:port`` of the Tritons that it calls.
        folder: Folder of its log and metrics.
    """

    def __init__(self, name: str, addresses: list[str], folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {
            "API_PORT": str(self.port),
            "API_WORKERS": str(WORKERS),
            "API_TRITON_URL": f"ipv4:{','.join(addresses)}",
            "API_DEADLINE_S": f"{DEADLINE_S:g}",
            "API_METRICS_DIR": str(folder / f"{name}-metrics"),
            "API_LOG_FORMAT": "json",
        }
        argv = [str(own_programs() / "gunicorn"), "--config", "python:api.server.gunicorn_conf", "api.asgi:app"]
        super().__init__(name, folder, argv, env)

    async def start_serving(self) -> None:
        """Start the processes, and wait until the API is ready."""
        await self.start()
        await self.wait_serving(f"{self.url}/health/ready")

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes, the oldest first."""
        return sorted(self.server.process.children(), key=lambda worker: worker.create_time())

    def memory_bytes(self) -> int:
        """Return the memory of all its processes; shared pages count once (PSS)."""
        return sum(process.memory_full_info().pss for process in self.processes())


@contextlib.asynccontextmanager
async def running(tritons: list[Triton], api: Api) -> AsyncIterator[None]:
    """Start the Tritons, then the API; stop all of them at the end of the block."""
    try:
        await asyncio.gather(*(triton.start_serving() for triton in tritons))
        await api.start_serving()
        yield
    finally:
        stops = (service.stop() for service in (api, *tritons))
        await asyncio.shield(asyncio.gather(*stops, return_exceptions=True))
