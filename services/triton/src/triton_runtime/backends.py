"""Puts the backend directory together: the wheel's Python backend and, beside it, the backends written in Python.

A folder ``pytorch/`` with a ``model.py`` serves every model whose config says ``pytorch_libtorch``: Triton runs it
through ``python/``, which therefore has to be there too. On NVIDIA's image its native libtorch backend takes its place.
"""

import shutil
import tempfile
from pathlib import Path

from triton_runtime.errors import SettingsError
from triton_runtime.wheel import Wheel

# An editable or a source checkout has the backends beside src; an installed wheel has them in the package.
_CANDIDATES = (Path(__file__).with_name("backends"), Path(__file__).parents[2] / "backends")


def sources() -> list[Path]:
    """Return the folders of the backends written in Python.

    Raises:
        SettingsError: There are none; the installation is broken.
    """
    for folder in _CANDIDATES:
        found = sorted(path.parent for path in folder.glob("*/model.py"))
        if found:
            return found
    raise SettingsError("the Python-based backends are missing from the installation")


def assemble(wheel: Wheel, target: Path) -> Path:
    """Write the backend directory to ``target`` and return it; what stood there is replaced in one step.

    Args:
        wheel: Where the parts are.
        target: Folder to make; its parents are made too.

    Raises:
        SettingsError: The folder can't be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            _fill(wheel, staging)
            staging.chmod(0o755)
            _swap(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as exc:
        raise SettingsError(f"the backends can't be put together in {target}: {exc.strerror}") from exc
    return target


def _fill(wheel: Wheel, folder: Path) -> None:
    python = folder / "python"
    shutil.copytree(wheel.python_backend, python)
    shutil.copy2(wheel.stub, python)
    for program in python.iterdir():
        program.chmod(0o755)  # pip unpacks them without the right to execute
    for source in sources():
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))


def _swap(staging: Path, target: Path) -> None:
    """Replace ``target``; a second launcher that starts at the same moment finds the one or the other, whole."""
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    if target.exists():
        target.rename(old / "old")
    staging.rename(target)
    shutil.rmtree(old, ignore_errors=True)
