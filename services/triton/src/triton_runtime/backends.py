"""Puts the backend directory together: the wheel's Python backend and, beside it, the backends written in Python.

A folder ``pytorch/`` with a ``model.py`` serves every model whose config says ``pytorch_libtorch``: Triton runs it
through ``python/``, which therefore has to be there too; ``onnxruntime/`` likewise. On NVIDIA's image its native
backends take their place.
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

# An editable or a source checkout has the backends beside src; an installed wheel has them in the package.
_CANDIDATES = (Path(__file__).with_name("backends"), Path(__file__).parents[2] / "backends")

# What they have in common; each gets copies, for Triton's Python process looks beside model.py only.
SHARED = ("batched.py", "orphan.py")

_CACHES = shutil.ignore_patterns("__pycache__")


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
    """Write the backend directory to ``target`` and return it.

    What stands there and is the same stays untouched, for a running server may use it; what isn't is replaced.

    Args:
        wheel: Where the parts are.
        target: Folder to make; its parents are made too.

    Raises:
        SettingsError: The folder can't be written, or holds something else.
    """
    if target.exists() and any(target.iterdir()) and not (target / "python" / wheel.stub.name).is_file():
        raise SettingsError(f"{target} holds something else than backends; name another folder")
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
        raise SettingsError(f"the backends can't be put together in {target}: {exc.strerror}") from exc
    return target


def _fill(wheel: Wheel, folder: Path) -> None:
    python = folder / "python"
    shutil.copytree(wheel.python_backend, python, ignore=_CACHES)
    shutil.copy2(wheel.stub, python)
    for program in python.iterdir():
        program.chmod(0o755)  # pip unpacks them without the right to execute
    for source in sources():
        shutil.copytree(source, folder / source.name, ignore=_CACHES)
        for name in SHARED:
            shutil.copy2(source.parent / name, folder / source.name)
    link_libpython(wheel, python)


def _is_same(one: Path, other: Path) -> bool:
    """Say whether every file of ``one`` stands in ``other`` too, with the same bytes and rights."""
    files = [path for path in one.rglob("*") if path.is_file()]
    twins = [other / path.relative_to(one) for path in files]
    return all(
        twin.is_file() and twin.stat().st_mode == path.stat().st_mode and filecmp.cmp(path, twin, shallow=False)
        for path, twin in zip(files, twins, strict=True)
    )


def _swap(made: Path, target: Path, old: Path) -> None:
    """Replace ``target``; of launchers that start at the same moment each finds the one or the other, whole."""
    for attempt in itertools.count():
        try:
            made.rename(target)
        except OSError as exc:
            if exc.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            with suppress(FileNotFoundError):  # another launcher has just moved it out of the way
                target.rename(old.with_name(f"{old.name}-{attempt}"))
        else:
            return
