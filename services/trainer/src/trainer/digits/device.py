"""The device to train on, CPU or CUDA, and the number of cores."""

import os
from pathlib import Path

import torch

from trainer.errors import SettingsError
from trainer.settings import DeviceChoice

CGROUP_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def choose_device(choice: DeviceChoice) -> torch.device:
    """Return the device to train on.

    Raises:
        SettingsError: The setting is ``cuda``, and PyTorch finds no CUDA device.
    """
    available = torch.cuda.is_available()
    if choice == "cuda" and not available:
        raise SettingsError("TRAINER_DEVICE is cuda, but PyTorch finds no CUDA device; use --device cpu or auto")
    return torch.device("cuda" if choice != "cpu" and available else "cpu")


def usable_cores(cpu_limit: Path = CGROUP_CPU_LIMIT) -> int:
    """Return the cores that this process may use: its affinity, or its container's limit if that is less.

    A container that is limited to two of 64 cores still counts 64; so many threads would contend for two cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_limit.read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup v2, or "max": no limit
        return cores


def prepare(device: torch.device, threads: int) -> None:
    """Configure the process for repeatable training with ``threads`` CPU threads (0: every usable core)."""
    torch.set_num_threads(threads or usable_cores())
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False


def describe(device: torch.device) -> str:
    """Return the device in words, for messages and the manifest."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({torch.get_num_threads()} threads)"
