"""One contender at a time: its servers are started, waited for and stopped; no other contender runs meanwhile."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import environment
from bench.contenders.catalogue import CONTENDERS, OURS, WORKERS, Contender, own_programs
from bench.errors import StartFailed
from bench.model import NAME, Model
from bench.paths import BENCH, LOGS, ROOT, RUN
from bench.process import Server, answers, clean_env, free_port

# Ray starts half a dozen processes, and all import PyTorch on the same two cores.
PATIENCE_S = 120
_METRICS = RUN / "api-metrics"


@dataclass
class Running:
    """The addresses and processes of a running contender."""

    name: str
    api: Server | None = None
    triton: Server | None = None
    url: str = ""  # of POST /predict
    triton_http: str = ""
    triton_grpc: str = ""
    triton_metrics: str = ""
    metrics_dir: Path = _METRICS
    servers: list[Server] = field(default_factory=list)


@contextmanager
def running(name: str, contender: Contender, model: Model, settings: Mapping[str, str]) -> Iterator[Running]:
    """Start a contender, and stop it at the end of the block.

    Args:
        name: Its key in the catalogue.
        contender: What to start.
        model: What it serves.
        settings: Variables for our own api and Triton, to try settings out.

    Raises:
        StartFailed: It doesn't come up.
    """
    scene = Running(name)
    try:
        if contender.needs_triton:
            start_triton(scene, model.repository, NAME, settings)
        if contender.argv is not None:
            _start_app(scene, contender, model, settings)
        yield scene
    finally:
        for server in reversed(scene.servers):
            server.stop()


@contextmanager
def serving_any(repository: Path, name: str, settings: Mapping[str, str]) -> Iterator[Running]:
    """Start Triton and our own api without tasks for a model of any kind, and stop them at the end of the block.

    Args:
        repository: The model repository.
        name: The model to wait for.
        settings: Further variables for both.

    Raises:
        StartFailed: The model isn't published, or the stack doesn't come up.
    """
    if not (repository / name).is_dir():
        raise StartFailed(f"{repository} has no model {name}; publish it, or name another by MODEL=")
    scene = Running(OURS)
    try:
        start_triton(scene, repository, name, settings)
        _start_own_api(scene, f"/v2/models/{name}/ready", {"API_TASKS": "none", **settings})
        yield scene
    finally:
        for server in reversed(scene.servers):
            server.stop()


def _start_own_api(scene: Running, ready_path: str, settings: Mapping[str, str]) -> None:
    programs, port = own_programs(), free_port()
    env = clean_env(programs, API_PORT=str(port), API_TRITON_URL=scene.triton_grpc, API_WORKERS=WORKERS)
    env |= {"API_METRICS_DIR": str(scene.metrics_dir), **settings}
    argv = CONTENDERS[OURS].argv
    assert argv is not None
    scene.api = Server(argv(programs, port), LOGS / f"{scene.name}.log", env, ROOT)
    scene.servers.append(scene.api)
    scene.url = f"http://127.0.0.1:{port}"
    scene.api.wait_until(lambda: answers(f"{scene.url}{ready_path}"), PATIENCE_S)


def start_triton(scene: Running, repository: Path, name: str, settings: Mapping[str, str]) -> None:
    """Start Triton with a repository, wait until it serves the model of that name, and note its addresses."""
    ports = {name: free_port() for name in ("HTTP", "GRPC", "METRICS")}
    env = clean_env(
        own_programs(),
        TRITON_MODEL_REPOSITORY=str(repository.resolve()),
        TRITON_RUN_DIR=str(RUN / "triton"),
        TRITON_EXIT_TIMEOUT_S="10",
        **{f"TRITON_{name}_PORT": str(port) for name, port in ports.items()},
    )
    argv = [str(own_programs() / "python"), "-m", "triton_runtime"]
    scene.triton = Server(argv, LOGS / f"{scene.name}-triton.log", {**env, **settings}, ROOT)
    scene.servers.append(scene.triton)
    scene.triton_http = f"http://127.0.0.1:{ports['HTTP']}"
    scene.triton_metrics = f"http://127.0.0.1:{ports['METRICS']}"
    scene.triton_grpc = f"127.0.0.1:{ports['GRPC']}"
    scene.triton.wait_until(lambda: answers(f"{scene.triton_http}/v2/models/{name}/ready"), PATIENCE_S)


def _start_app(scene: Running, contender: Contender, model: Model, settings: Mapping[str, str]) -> None:
    assert contender.argv is not None
    programs = own_programs()
    if contender.environment:
        programs = environment.prepare(contender.environment, with_torch=True)
    port = free_port()
    env = clean_env(
        programs,
        BENCH_PORT=str(port),
        BENCH_MODEL=str(model.torchscript.resolve()),
        BENCH_ONNX=str(model.onnx),
        BENCH_TRITON=scene.triton_grpc,
        **contender.settings,
    )
    cwd = BENCH / "contenders" / scene.name
    if scene.name == OURS:
        cwd = ROOT
        env |= {"API_PORT": str(port), "API_TRITON_URL": scene.triton_grpc, "API_WORKERS": WORKERS}
        env |= {"API_METRICS_DIR": str(scene.metrics_dir), **settings}
    scene.api = Server(contender.argv(programs, port), LOGS / f"{scene.name}.log", env, cwd)
    scene.servers.append(scene.api)
    scene.url = f"http://127.0.0.1:{port}/predict"
    body = model.samples[0].json_body
    scene.api.wait_until(lambda: ask(scene.url, body) is not None, PATIENCE_S)


def ask(url: str, body: bytes) -> dict[str, object] | None:
    """Post a JSON body and return the JSON answer, or None if there is none with a status of 200."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
