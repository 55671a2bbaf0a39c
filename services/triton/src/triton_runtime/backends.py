"""Assembles the backend directory: the wheel's Python backend, and the backends that are written in Python.

A folder ``pytorch/`` with a ``model.py`` serves every model whose config says ``pytorch_libtorch``, and
``onnxruntime/`` every ``onnxruntime_onnx`` model: Triton runs them through the backend in ``python/``. NVIDIA's image
uses its native backends instead.
"""

import errno
import filecmp
import itertools
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from triton_runtime.errors import SettingsError
from triton_runtime.libpython import link_libpython
from triton_runtime.wheel import Wheel

# A source checkout has the backends beside src, an installed package inside of it.
_CANDIDATES = (Path(__file__).with_name("backends"), Path(__file__).parents[2] / "backends")

# The shared package; each backend gets a copy, because the stub imports from model.py's own folder only.
SHARED = "python_backend"

_CACHES = shutil.ignore_patterns("__pycache__")


def sources() -> list[Path]:
    """Return the folders of the backends that are written in Python.

    Raises:
        SettingsError: There are none: the installation is broken.
    """
    for folder in _CANDIDATES:
        found = sorted(path.parent for path in folder.glob("*/model.py"))
        if found:
            return found
    raise SettingsError("the Python-based backends are missing from the installation: reinstall services/triton")


def assemble(wheel: Wheel, target: Path) -> Path:
    """Write the backend directory to ``target`` and return it.

    A directory with the same content stays untouched, because a running server may use it; another one is replaced.

    Args:
        wheel: Where the parts are.
        target: The directory; it and its parents are created.

    Raises:
        SettingsError: The directory can't be written, or holds other files.
    """
    if target.exists() and any(target.iterdir()) and not (target / "python" / wheel.stub.name).is_file():
        raise SettingsError(f"{target} holds other files than backends; name another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            made = staging / target.name
            _fill(wheel, made)
            if not _is_same(made, target):
                _swap(made, target, staging / "old")
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as exc:
        raise SettingsError(f"the backends can't be assembled in {target}: {exc.strerror}; set TRITON_RUN_DIR") from exc
    return target


def _fill(wheel: Wheel, folder: Path) -> None:
    python = folder / "python"
    shutil.copytree(wheel.python_backend, python, ignore=_CACHES)
    shutil.copy2(wheel.stub, python)
    for program in python.iterdir():
        program.chmod(0o755)  # pip unpacks them without the executable bit
    for source in sources():
        shutil.copytree(source, folder / source.name, ignore=_CACHES)
        shutil.copytree(source.parent / SHARED, folder / source.name / SHARED, ignore=_CACHES)
    link_libpython(wheel, python)


def _is_same(one: Path, other: Path) -> bool:
    """Return whether ``other`` has every file of ``one``, with the same bytes and mode."""
    files = [path for path in one.rglob("*") if path.is_file()]
    twins = [other / path.relative_to(one) for path in files]
    return all(
        twin.is_file() and twin.stat().st_mode == path.stat().st_mode and filecmp.cmp(path, twin, shallow=False)
        for path, twin in zip(files, twins, strict=True)
    )


def _swap(made: Path, target: Path, old: Path) -> None:
    """Replace ``target`` by renames, so that launchers that start at the same moment see a whole directory."""
    for attempt in itertools.count():
        try:
            made.rename(target)
        except OSError as exc:
            if exc.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            with suppress(FileNotFoundError):  # another launcher has just moved it away
                target.rename(old.with_name(f"{old.name}-{attempt}"))
        else:
            return
