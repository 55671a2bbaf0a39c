"""Finds NVIDIA's tritonserver, its libraries and its Python stub inside the ``nvidia-pytriton`` wheel."""

import os
import platform
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from triton_runtime.errors import WheelError

# The wheel's tag: manylinux_2_35_x86_64.
MIN_GLIBC = (2, 35)
INSTALL = "pip install --no-deps nvidia-pytriton==0.7.0"


class Wheel(NamedTuple):
    """Paths inside the wheel."""

    server: Path  # the tritonserver program
    python_backend: Path  # folder of libtriton_python.so and triton_python_backend_utils.py
    stub: Path  # the program that runs a backend's Python, built for this version of Python
    library_dirs: tuple[Path, ...]  # for LD_LIBRARY_PATH


def find_wheel() -> Wheel:
    """Return the paths inside the installed wheel.

    Raises:
        WheelError: It isn't installed, has no stub for this Python, or can't run on this machine.
    """
    _check_machine()
    spec = find_spec("pytriton")  # found, not imported: its Python layer needs packages that aren't installed
    if spec is None or spec.origin is None:
        raise WheelError(f"the wheel with tritonserver isn't installed: {INSTALL}")
    package = Path(spec.origin).parent
    root = package / "tritonserver"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = root / "python_backend_stubs" / python / "triton_python_backend_stub"
    wheel = Wheel(
        server=root / "bin" / "tritonserver",
        python_backend=root / "backends" / "python",
        stub=stub,
        library_dirs=(package.parent / "nvidia_pytriton.libs", Path(sysconfig.get_config_var("LIBDIR"))),
    )
    if not stub.is_file():
        raise WheelError(f"the wheel has no Python backend for Python {python}: use Python 3.11, 3.12 or 3.13")
    if not wheel.server.is_file():
        raise WheelError(f"{wheel.server} is missing: reinstall the wheel: {INSTALL}")
    _make_executable(wheel.server)
    return wheel


def _check_machine() -> None:
    """Refuse a machine on which the dynamic loader would refuse the wheel's programs.

    Raises:
        WheelError: It isn't Linux on x86-64, or its C library is too old.
    """
    system = f"{platform.system()} on {platform.machine()}"
    if system != "Linux on x86_64":
        raise WheelError(f"the wheel's tritonserver is for Linux on x86-64, this is {system}: use an image")
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split(".")[:2])) < MIN_GLIBC:
        raise WheelError(f"the wheel's tritonserver needs glibc 2.35 or newer, this is {name} {version}: use an image")


def _make_executable(program: Path) -> None:
    """Set the executable bit, which pip may drop.

    Raises:
        WheelError: The file belongs to another user or lies on a read-only file system.
    """
    if os.access(program, os.X_OK):
        return
    try:
        program.chmod(0o755)
    except OSError as exc:
        raise WheelError(
            f"{program} isn't executable and chmod failed ({exc.strerror}): run `chmod 755` on it as its owner"
        ) from exc
