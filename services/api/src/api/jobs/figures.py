"""What is said of all jobs together."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from api.errors import ApiError

_FAILED = "failed:"


class Figures(NamedTuple):
    """Figures of all jobs in a Redis.

    Attributes:
        queued: Jobs of which no item was begun.
        running: Jobs of which some were.
        waiting_items: Items of both that have no outcome yet.
        oldest_s: Seconds since the oldest of them was made; 0 where there is none.
        workers: Workers that live.
        answered: Items that were answered, of all jobs that ever were.
        failed: Items that failed, by status and code.
        used_bytes: Memory that Redis uses.
        max_bytes: Its bound; 0 for none.
    """

    queued: int
    running: int
    waiting_items: int
    oldest_s: float
    workers: int
    answered: int
    failed: Mapping[tuple[str, str], int]
    used_bytes: int
    max_bytes: int


def kind_of_failure(error: ApiError) -> str:
    """Return the name under which an item's error is counted in Redis."""
    return f"{error.status}:{error.code}"


def figures_of(summed: Sequence[Any], counts: Mapping[bytes, bytes], memory: Mapping[str, Any]) -> Figures:
    """Return the figures that Redis' answers hold.

    Args:
        summed: Of the script `FIGURES`.
        counts: Of ``jobs:counts``.
        memory: Of ``INFO memory``.
    """
    queued, running, waiting, oldest_s, workers = summed
    numbers = {name.decode(): int(value) for name, value in counts.items()}
    failed = {}
    for name, number in numbers.items():
        if name.startswith(_FAILED):
            status, _, code = name.removeprefix(_FAILED).partition(":")
            failed[status, code] = number
    return Figures(
        queued,
        running,
        waiting,
        float(oldest_s),
        workers,
        numbers.get("answered", 0),
        failed,
        int(memory["used_memory"]),
        int(memory["maxmemory"]),
    )
