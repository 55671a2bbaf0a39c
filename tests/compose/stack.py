"""The Compose stack under test: a copy of what a clean clone has, under a project name and on ports of its own."""

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.client import DockerClient
from docker.models.containers import Container

from tests.support.compose_files import CLIENTS, client_answers
from tests.support.process import clean_env

ROOT = Path(__file__).resolve().parents[2]
# What the images and the stack are made of. Everything else of a clone must not be needed.
NEEDED = (
    "docker-compose.yml",
    "docker-compose.gpu.yml",
    ".dockerignore",
    "constraints.txt",
    "services",
    "model_repository",
)
LEFT_OUT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "mnist_cnn", ".*.lock")
# Owns nothing else on any machine: the trainer has to cope with a folder that is somebody else's.
FOREIGN_UID = 54321


def compose_command() -> list[str] | None:
    """Return the Compose client's command, v2 before v1; None where there is none."""
    return next((list(command) for command in CLIENTS if client_answers(command)), None)


class Stack:
    """A Compose project in a folder of its own.

    Args:
        folder: Empty; gets the copy.
        docker: The engine.
        command: The Compose client.
        settings: What a user would set in ``.env``.
    """

    def __init__(self, folder: Path, docker: DockerClient, command: list[str], settings: dict[str, str]) -> None:
        self.folder, self.docker = folder, docker
        self.project = f"compose-test-{os.getpid()}"
        self._command = command
        # Port 0: the engine picks a free one for each container.
        ports = dict.fromkeys(("API_PORT", "FLOWER_PORT", "LOADGEN_WEB_PORT", "TRITON_METRICS_PORTS"), "0")
        self._env = clean_env(COMPOSE_PROJECT_NAME=self.project, **(ports | settings))
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, folder / name)
        self.repository = folder / "model_repository"
        if os.geteuid() == 0:
            os.chown(self.repository, FOREIGN_UID, FOREIGN_UID)

    def compose(self, *args: str, within_s: float = 300, **settings: str) -> str:
        """Run the client in the project's folder and return what it printed.

        Raises:
            AssertionError: It failed; the message has what it printed and the ends of the containers' logs.
        """
        done = subprocess.run(
            [*self._command, *args],
            cwd=self.folder,
            env=self._env | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(args)}:\n{done.stdout[-4000:]}\n{self.logs()}"
        return done.stdout

    def containers(self, service: str | None = None, *, stopped: bool = True) -> list[Container]:
        """Return the project's containers, or one service's, the lowest number first; not those of ``run``."""
        labels = [f"com.docker.compose.project={self.project}"]
        if service:
            labels.append(f"com.docker.compose.service={service}")
        found = self.docker.containers.list(all=stopped, filters={"label": labels})
        found = [one for one in found if one.labels.get("com.docker.compose.oneoff", "False") == "False"]
        return sorted(found, key=lambda one: (service_of(one), int(one.labels["com.docker.compose.container-number"])))

    def container(self, service: str) -> Container:
        """Return the only container of a service."""
        [container] = self.containers(service)
        return container

    def logs(self, lines: int = 15) -> str:
        """Return the ends of all containers' logs, for the message of a failed test."""
        return "\n".join(
            f"--- {one.name} ({one.status})\n{one.logs(tail=lines).decode(errors='replace')}"
            for one in self.containers()
        )

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[tuple[str, str]]]:
        """Collect what happens to the project's containers, in order, as ``(service, event)``."""
        seen: list[tuple[str, str]] = []
        filters = {"label": [f"com.docker.compose.project={self.project}"], "event": ["start", "die", "health_status"]}
        stream = self.docker.events(decode=True, filters=filters)

        def collect() -> None:
            for event in stream:
                attributes: dict[str, Any] = event["Actor"]["Attributes"]
                what = event["Action"]
                if what == "die":
                    what = f"exit {attributes['exitCode']}"
                seen.append((attributes["com.docker.compose.service"], what))

        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stream.close()
            thread.join(10)


def service_of(container: Container) -> str:
    """Return the Compose service that a container belongs to."""
    return str(container.labels["com.docker.compose.service"])


def url_of(container: Container, port: int) -> str:
    """Return where this machine reaches a port of a container."""
    container.reload()
    [binding] = container.ports[f"{port}/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    return f"http://127.0.0.1:{binding['HostPort']}"
