"""The contenders, and the command that starts each."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

WORKERS = "2"


class Contender(NamedTuple):
    """A way to serve the model.

    Attributes:
        title: Its row in the table.
        argv: Its command, of its environment's folder of programs and its port; none for Triton alone.
        environment: Its file in ``bench/requirements``; the stack's own environment if empty.
        needs_triton: Whether it asks Triton.
        is_peer: Whether it is another serving framework; ``bench-quick`` leaves those out.
        settings: Further variables of its environment.
    """

    title: str
    argv: Callable[[Path, int], list[str]] | None = None
    environment: str = ""
    needs_triton: bool = False
    is_peer: bool = False
    settings: dict[str, str] = {}  # noqa: RUF012 - never changed


def own_programs() -> Path:
    """Return the folder of programs of the stack's own environment."""
    return Path(sys.executable).parent


def _gunicorn(programs: Path, _port: int) -> list[str]:
    return [str(programs / "gunicorn"), "--config", "python:api.server.gunicorn_conf", "api.asgi:app"]


def _uvicorn(programs: Path, port: int) -> list[str]:
    # No access log: ours writes one line a request, theirs is spared it.
    return [
        str(programs / "uvicorn"), "app:app", "--host", "127.0.0.1", "--port", str(port), "--workers", WORKERS,
        "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip


def _script(name: str) -> Callable[[Path, int], list[str]]:
    return lambda programs, _port: [str(programs / "python"), name]


def _bentoml(programs: Path, port: int) -> list[str]:
    return [str(programs / "bentoml"), "serve", "service:Digits", "--host", "127.0.0.1", "--port", str(port)]


OURS, TRITON = "ours", "triton"

CONTENDERS = {
    OURS: Contender("this stack: FastAPI → batcher → Triton, 2 workers", _gunicorn, needs_triton=True),
    TRITON: Contender("Triton alone, one row a call", needs_triton=True),
    "fastapi_grpc": Contender(
        "FastAPI → Triton, one gRPC call a request, 2 workers", _uvicorn, "fastapi", needs_triton=True
    ),
    "fastapi_onnxruntime": Contender("plain FastAPI + ONNX Runtime in process, 2 workers", _uvicorn, "fastapi"),
    "fastapi_pytorch": Contender("plain FastAPI + PyTorch in process, 2 workers", _uvicorn, "fastapi"),
    "litserve": Contender("LitServe, batching", _script("server.py"), "litserve", is_peer=True),
    "bentoml": Contender(
        "BentoML, batching",
        _bentoml,
        "bentoml",
        is_peer=True,
        settings={"BENTOML_DO_NOT_TRACK": "true"},
    ),
    "ray_serve": Contender(
        "Ray Serve, batching",
        _script("app.py"),
        "ray",
        is_peer=True,
        settings={"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
    ),
}
