"""What is loaded: a stack of our own, started for this, or one that runs already."""

from dataclasses import dataclass, field

from bench import processes
from bench.loadtest import counters
from bench.process import Server


@dataclass(frozen=True)
class Target:
    """A stack.

    Attributes:
        url: The api's base.
        model: The model that is asked.
        triton_metrics: URL of Triton's metrics; empty if they can't be had.
        loadgen_settings: Further ``LOADGEN_*`` variables.
        api: The api's process, where it is ours.
    """

    url: str
    model: str
    triton_metrics: str = ""
    loadgen_settings: dict[str, str] = field(default_factory=dict)
    api: Server | None = None

    def counters(self) -> counters.Counters | None:
        """Return Triton's counters, or None where they can't be had."""
        return counters.read(self.triton_metrics, self.model) if self.triton_metrics else None

    def api_memory_mib(self) -> float | None:
        """Return what the api's processes hold together, what they share counted once; None if they aren't ours."""
        return processes.memory_bytes(self.api)["pss"] / 2**20 if self.api else None
