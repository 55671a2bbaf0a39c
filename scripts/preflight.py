"""Prints one line for each thing that this machine lacks, before anything starts.

    preflight.py machine                  can the wheel's tritonserver run here?
    preflight.py ports NAME=PORT …        is every port free?

Runs on Python 3.6 and later, so that an unsupported Python gets a message instead of a syntax error.
"""

import ctypes.util
import os
import platform
import socket
import sys
import sysconfig
from typing import Iterable, Iterator  # noqa: UP035 - see above

PYTHONS = ((3, 11), (3, 12), (3, 13))  # requires-python in services/*/pyproject.toml
WHEEL_GLIBC = (2, 35)  # nvidia-pytriton's tag, manylinux_2_35_x86_64


def machine() -> Iterator[str]:
    """Yield what this machine lacks."""
    python = sys.version_info[:2]
    if python not in PYTHONS:
        supported = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        yield f"this is Python {python[0]}.{python[1]}, supported are {supported}: install one of them."
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        here = f"{platform.system()} on {platform.machine()}"
        yield f"tritonserver's wheel is for Linux on x86-64, this is {here}: use Docker Compose."
        return
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split(".")[:2])) < WHEEL_GLIBC:
        yield (
            f"tritonserver's wheel needs glibc 2.35 or newer, this is {name or 'another C library'} {version}: "
            "use Debian 12, Ubuntu 22.04 or newer, or Docker Compose."
        )
    if python in PYTHONS and not has_libpython():
        library = f"libpython{python[0]}.{python[1]}"
        yield (
            f"{library}.so.1.0 is missing, which tritonserver's Python backend loads: install it "
            f"(Debian, Ubuntu: apt install {library}), or use a Python built with --enable-shared."
        )


def has_libpython() -> bool:
    """Say whether the shared library of this Python is where the launcher or the loader looks for it."""
    name = "python{}.{}".format(*sys.version_info[:2])
    path = os.path.join(sysconfig.get_config_var("LIBDIR") or "", f"lib{name}.so.1.0")  # noqa: PTH118
    return os.path.exists(path) or ctypes.util.find_library(name) is not None  # noqa: PTH110


def ports(pairs: Iterable[str]) -> Iterator[str]:
    """Yield the ports, given as ``SETTING=default``, that can't be bound."""
    for pair in pairs:
        name, _, default = pair.partition("=")
        port = os.environ.get(name, default)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(port)))
            except OSError as exc:
                yield f"port {port} can't be bound ({exc.strerror}): stop what uses it, or set {name} to another port."
            except (ValueError, OverflowError):
                yield f"{name}={port} is not a port: set it to a number from 1 to 65535."


def main() -> int:
    """Print what is missing; return 1 if anything is."""
    problems = list(machine() if sys.argv[1] == "machine" else ports(sys.argv[2:]))
    for problem in problems:
        print(f"preflight: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
