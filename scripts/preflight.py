"""Says in one line what is missing before anything starts.

    preflight.py machine                  can the wheel's tritonserver run here?
    preflight.py ports NAME=PORT …        is every port free?

Runs on any Python from 3.6 on, for it has to complain of the wrong ones too.
"""

import os
import platform
import socket
import sys
from typing import Iterable, Iterator  # noqa: UP035 - see above

WHEEL_GLIBC = (2, 35)  # nvidia-pytriton's tag, manylinux_2_35_x86_64


def machine() -> Iterator[str]:
    """Yield what this machine lacks."""
    python = sys.version_info[:2]
    if python != (3, 11):
        yield f"Python {python[0]}.{python[1]} runs this; the stack is pinned to Python 3.11: install it."
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


def ports(pairs: Iterable[str]) -> Iterator[str]:
    """Yield the ports, given as ``SETTING=default``, that somebody else holds."""
    for pair in pairs:
        name, _, default = pair.partition("=")
        port = os.environ.get(name, default)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(port)))
            except OSError as exc:
                yield f"port {port} can't be had ({exc.strerror}): stop what holds it, or set {name} to another."
            except (ValueError, OverflowError):
                yield f"{name}={port} is no port: set it to a number from 1 to 65535."


def main() -> int:
    """Print what is missing; exit with 1 if anything is."""
    complaints = list(machine() if sys.argv[1] == "machine" else ports(sys.argv[2:]))
    for complaint in complaints:
        print(f"preflight: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
