"""What is loaded: a stack of our own, started for this, or one that runs already."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import processes
from bench.contenders.catalogue import CONTENDERS, OURS
from bench.loadtest import counters
from bench.model import Model
from bench.process import Server
from bench.stage import running


@dataclass(frozen=True)
class Target:
    """A stack.

    Attributes:
        url: The api's base.
        triton_metrics: URL of Triton's metrics; empty if they can't be had.
        loadgen_settings: Further ``LOADGEN_*`` variables.
        api: The api's process, where it is ours.
    """

    url: str
    triton_metrics: str = ""
    loadgen_settings: dict[str, str] = field(default_factory=dict)
    api: Server | None = None

    def counters(self) -> counters.Counters | None:
        """Return Triton's counters, or None where they can't be had."""
        return counters.read(self.triton_metrics) if self.triton_metrics else None

    def api_memory_mib(self) -> float | None:
        """Return what the api's processes hold together, what they share counted once; None if they aren't ours."""
        return processes.memory_bytes(self.api)["pss"] / 2**20 if self.api else None


@contextmanager
def own(model: Model, settings: Mapping[str, str], *, check_labels: bool) -> Iterator[Target]:
    """Start a stack of our own on free ports, and end it with the block.

    Args:
        model: What it serves.
        settings: Variables for the api and Triton.
        check_labels: Whether a wrong digit is a failure.
    """
    with running(OURS, CONTENDERS[OURS], model, settings) as scene:
        yield Target(
            scene.url.removesuffix("/predict"),
            f"{scene.triton_metrics}/metrics",
            {"LOADGEN_CHECK_LABELS": str(check_labels)},
            scene.api,
        )
