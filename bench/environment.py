"""An environment a contender, under ``.run/bench/envs``, made from its pins once and kept between runs."""

import hashlib
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from bench.errors import StartFailed
from bench.paths import BENCH, ENVS

_TORCH = "torch"
# The libraries that PyTorch's CUDA build brings; its CPU build has none.
_WITH_TORCH = re.compile(r"^(nvidia-|cuda-|triton$)")


def prepare(name: str, *, with_torch: bool = False) -> Path:
    """Make the environment if its pins have changed; return its folder of programs.

    Args:
        name: Of the file in ``bench/requirements``.
        with_torch: Link the stack's PyTorch into it: the same build for all contenders, and gigabytes less on disk.

    Raises:
        StartFailed: It can't be made.
    """
    requirements = BENCH / "requirements" / f"{name}.txt"
    folder = ENVS / name
    stamp = folder / ".up-to-date"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode() + bytes([with_torch])).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"  making the environment {name} (a minute, once)", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, "--no-deps", "--requirement", str(requirements)])
        if with_torch:
            _lend_torch(folder)
        stamp.write_text(wanted)
    return folder / "bin"


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"{' '.join(argv[1:5])} … failed: {done.stderr.strip()[-400:]}")


def _lend_torch(folder: Path) -> None:
    (site,) = (folder / "lib").glob("python*/site-packages")
    for distribution in _torch_distributions():
        for top in {Path(str(file)).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            source, link = Path(os.fspath(distribution.locate_file(top))), site / top
            if not link.exists():
                link.symlink_to(source)


def _torch_distributions() -> list[metadata.Distribution]:
    try:
        torch = metadata.distribution(_TORCH)
    except metadata.PackageNotFoundError as exc:
        raise StartFailed("PyTorch isn't in the environment that runs this: make setup") from exc
    found = [torch]
    for requirement in torch.requires or ():
        name = re.split(r"[ ;\[<>=!~]", requirement, maxsplit=1)[0]
        if _WITH_TORCH.match(name):
            try:
                found.append(metadata.distribution(name))
            except metadata.PackageNotFoundError:
                continue
    return found
