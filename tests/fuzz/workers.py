"""The api's worker processes: which they are, and what memory they have."""

import re
from pathlib import Path


class Workers:
    """The children of gunicorn's master.

    Args:
        master_pid: The master.
    """

    def __init__(self, master_pid: int) -> None:
        self._master_pid = master_pid
        self._shared_mib: dict[int, float] = {}

    def pids(self) -> list[int]:
        """Return the workers' ids."""
        return sorted(map(int, Path(f"/proc/{self._master_pid}/task/{self._master_pid}/children").read_text().split()))

    def pss_mib(self) -> dict[int, float]:
        """Return the memory of each worker, its share of what several use."""
        return {pid: _kib(f"/proc/{pid}/smaps_rollup", "Pss") / 1024 for pid in self.pids()}

    def forget_peaks(self) -> None:
        """Begin anew to look for the most."""
        for pid, pss_mib in self.pss_mib().items():
            self._shared_mib[pid] = _kib(f"/proc/{pid}/status", "VmRSS") / 1024 - pss_mib
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peaks_mib(self) -> dict[int, float]:
        """Return the most memory that each worker has had since :meth:`forget_peaks`, counted as `pss_mib` counts it.

        The kernel keeps the most of what is resident, which has the pages of libraries and of the master whole: between
        40 and 100 MiB by the machine. What of it others had a share in, then, is left out.
        """
        return {pid: _kib(f"/proc/{pid}/status", "VmHWM") / 1024 - self._shared_mib[pid] for pid in self.pids()}


def _kib(file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(file).read_text(), re.MULTILINE)
    assert found, file
    return int(found[1])
