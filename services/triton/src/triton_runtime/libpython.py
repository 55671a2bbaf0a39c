"""Makes the wheel's stub load the shared library of the Python that runs, and not one that the wheel carries.

The stub for Python 3.13 of nvidia-pytriton 0.7.0 asks for a library that lies in the wheel: Python 3.13.0. With the
standard library of a later 3.13 it can't import numpy. A link by that name to the right library goes before it on the
library path.
"""

import sys
from pathlib import Path

from triton_runtime.errors import WheelError
from triton_runtime.wheel import Wheel


def link_libpython(wheel: Wheel, folder: Path) -> None:
    """Put the link beside the stub; does nothing where the wheel carries no library for this Python.

    Args:
        wheel: Where the parts are.
        folder: The folder of the stub, to be first on the library path.

    Raises:
        WheelError: This Python's shared library isn't installed.
    """
    carried, own = wheel.library_dirs
    minor = sys.version_info[1]
    for library in carried.glob(f"libpython3-*.{minor}.so.*"):
        target = own / f"libpython3.{minor}.so.1.0"
        if not target.is_file():
            raise WheelError(f"{target} is missing: install it (Debian, Ubuntu: apt install libpython3.{minor})")
        (folder / library.name).symlink_to(target)
