"""The machine's fingerprint: a figure without it says nothing."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil


def fingerprint() -> dict[str, Any]:
    """Return what about this machine makes it fast or slow; its name isn't part of it."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def is_busy() -> bool:
    """Say whether other processes use more than a tenth of the machine; measured for a second."""
    return psutil.cpu_percent(1) > 10


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
