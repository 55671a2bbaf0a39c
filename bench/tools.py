"""The programs that make load: found on the path, or fetched without root into ``.run/bench/tools``."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import ToolMissing
from bench.paths import TOOLS

# The last client whose perf_analyzer runs on glibc 2.35; it also matches the wheel's server (24.10).
_CLIENT = "tritonclient==2.51.0"
_CUDA_RUNTIME = "nvidia-cuda-runtime-cu12==12.6.77"
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")


class Tool(NamedTuple):
    """A program and what it needs to start."""

    path: Path
    library_dirs: tuple[Path, ...] = ()

    def env(self) -> dict[str, str]:
        """Return the environment to start it in."""
        known = os.environ.get("LD_LIBRARY_PATH")
        folders = [*map(str, self.library_dirs), *([known] if known else [])]
        return {**os.environ, **({"LD_LIBRARY_PATH": os.pathsep.join(folders)} if folders else {})}


def wrk() -> Tool:
    """Return wrk; from Debian's or Ubuntu's packages if it isn't installed.

    Raises:
        ToolMissing: There is no way to it here.
    """
    if installed := shutil.which("wrk"):
        return Tool(Path(installed))
    root = TOOLS / "wrk"
    _debian(("wrk", "libluajit-5.1-2", "libluajit-5.1-common"), root)
    return _checked(Tool(root / "usr/bin/wrk", (root / _LIBRARIES,)), ["-v"], "install wrk")


def perf_analyzer() -> Tool:
    """Return Triton's own load tool; out of a ``tritonclient`` wheel if it isn't installed.

    Raises:
        ToolMissing: There is no way to it here.
    """
    if installed := shutil.which("perf_analyzer"):
        return Tool(Path(installed))
    root = TOOLS / "perf_analyzer"
    _wheels((_CLIENT, _CUDA_RUNTIME), root / "wheels")
    _debian(("libb64-0d",), root)
    program = root / "wheels/bin/perf_analyzer"
    libraries = (root / _LIBRARIES, root / "wheels/nvidia/cuda_runtime/lib")
    return _checked(Tool(program, libraries), ["--version"], "install perf_analyzer")


def _checked(tool: Tool, argv: Sequence[str], remedy: str) -> Tool:
    """Return the tool if it starts; both print their version and needn't exit with 0."""
    try:
        done = subprocess.run([tool.path, *argv], env=tool.env(), capture_output=True, text=True, check=False)
    except OSError as exc:
        raise ToolMissing(
            f"{tool.path.name} can't be started ({exc.strerror}): {remedy} and put it on the path"
        ) from exc
    if "error while loading" in done.stderr or "not found (required" in done.stderr:
        raise ToolMissing(f"{tool.path.name}: {done.stderr.strip()[-200:]}: {remedy} and put it on the path")
    return tool


def _debian(packages: Sequence[str], root: Path) -> None:
    """Unpack packages below ``root`` without installing them."""
    stamp = root / f".{packages[0]}"
    if stamp.exists():
        return
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ToolMissing(f"{packages[0]} isn't installed, and this isn't Debian or Ubuntu: install it")
    debs = root / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    _fetch(["apt-get", "download", *packages], debs, f"install {packages[0]}, or run apt-get update")
    for deb in debs.glob("*.deb"):
        _fetch(["dpkg-deb", "--extract", str(deb), str(root)], debs, f"install {packages[0]}")
    stamp.touch()


def _wheels(requirements: Sequence[str], target: Path) -> None:
    if target.is_dir():
        return
    # For their programs alone, so nothing they ask for is installed with them.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    _fetch([*pip, "--target", str(new), "--only-binary=:all:", *requirements], new, "install perf_analyzer")
    new.rename(target)


def _fetch(argv: Sequence[str], cwd: Path, remedy: str) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissing(f"{argv[0]} failed ({done.stderr.strip()[-200:]}): {remedy} and put it on the path")
