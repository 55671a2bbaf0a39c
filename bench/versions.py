"""Which code and which packages were measured."""

import subprocess
from importlib import metadata

from bench.paths import BENCH, ROOT

_OWN = ("fastapi", "gunicorn", "grpcio", "locust", "nvidia-pytriton", "torch", "tritonclient", "uvicorn")
_PEERS = {"fastapi": ("onnxruntime",), "litserve": ("litserve",), "bentoml": ("bentoml",), "ray": ("ray",)}


def commit() -> str:
    """Return the commit, marked where files differ from it; ``unknown`` outside a clone."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def packages() -> dict[str, str]:
    """Return the versions of what the figures depend on most."""
    found = {name: metadata.version(name) for name in _OWN if _is_installed(name)}
    for file, names in _PEERS.items():
        pins = dict(
            line.split("==")
            for line in (BENCH / "requirements" / f"{file}.txt").read_text().splitlines()
            if "==" in line and not line.startswith("#")
        )
        found |= {name: pins[name] for name in names}
    return found


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
