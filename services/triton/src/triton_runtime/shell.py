"""Names and paths that Triton's Python backend can pass to its stub.

The Python backend starts the stub by ``bash -c`` with unquoted arguments: the paths of the model's file and of the
backend directory, and the model's name. A space or a shell character there ends the stub at once, and tritonserver
waits for it without a limit.
"""

import re
import shutil
import sys
from pathlib import Path

from triton_runtime.errors import SettingsError

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SAFE_PATH = re.compile(r"[A-Za-z0-9_.@%+=:,/-]+")


def split_names(repository: Path) -> tuple[list[str], list[str]]:
    """Return the names of the repository's models, and those of them that can't be served.

    Args:
        repository: The model repository.
    """
    names = sorted(path.name for path in repository.iterdir() if path.is_dir())
    refused = [name for name in names if not _SAFE_NAME.fullmatch(name)]
    return [name for name in names if name not in refused], refused


def check_path(folder: Path, setting: str) -> None:
    """Refuse a model repository or backend directory whose path the stub's command line can't carry.

    Args:
        folder: The folder.
        setting: The variable that names it.

    Raises:
        SettingsError: The path has a space or a shell character.
    """
    if not _SAFE_PATH.fullmatch(str(folder)):
        raise SettingsError(
            f"{setting}: {str(folder)!r} has a space or a character that a shell would interpret, and Triton's Python "
            "backend passes it to one; name a path of letters, digits and . _ - /"
        )


def interpreter_dir() -> Path:
    """Return the folder that has to come first on the stub's ``PATH``.

    The stub has a Python inside that ignores ``PYTHONHOME`` and ``PYTHONPATH``: it finds its standard library and its
    packages, those of a virtual environment too, from the ``python3`` that it finds on ``PATH``.

    Raises:
        SettingsError: This interpreter's folder has no ``python3``, or another one.
    """
    folder = Path(sys.executable).parent
    found = shutil.which("python3", path=str(folder))
    if found is None or Path(found).resolve() != Path(sys.executable).resolve():
        raise SettingsError(
            f"{folder} has no python3 that is this interpreter, {sys.executable}, and Triton's stub finds its "
            "packages by that name: run the launcher from a virtual environment"
        )
    return folder
