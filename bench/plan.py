"""How much is measured; every number that shapes a run in one place."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        repeats: Rounds; every contender is started and measured once in each.
        seconds: Length of one closed-loop measurement.
        warm_up_s: Load before anything is timed.
        connections: Kept-alive connections of the closed loop.
        batch_images: Images in one call of the batch route.
        batch_connections: Connections that call it.
        memory_first: Requests after which the api's memory is first looked at; 0 leaves memory out.
        memory_last: Requests after which it is looked at again.
        paced_connections: Connections that share a fixed rate, enough that one is free for each departure.
    """

    repeats: int = 5
    seconds: float = 10
    warm_up_s: float = 3
    connections: int = 64
    batch_images: int = 64
    batch_connections: int = 8
    memory_first: int = 20_000
    memory_last: int = 200_000
    paced_connections: int = 128

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, for the report."""
        return asdict(self)
