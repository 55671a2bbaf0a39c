"""Medians with their spread."""

import statistics
from collections.abc import Iterable
from typing import NamedTuple


class Spread(NamedTuple):
    """What several rounds gave."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the median, the smallest and the largest of the values there are, or None."""
    known = [value for value in values if value is not None]
    return Spread(statistics.median(known), min(known), max(known), len(known)) if known else None


def ratios(above: Iterable[float | None], below: Iterable[float | None]) -> list[float | None]:
    """Return the quotient of each round: neighbours in time, so that a machine that drifts doesn't blur it."""
    pairs = zip(above, below, strict=True)
    return [one / other if one is not None and other else None for one, other in pairs]
