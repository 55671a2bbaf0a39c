"""Where latency leaves its floor."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.loadtest.step import Step

# The knee is the last level before the median latency stays above so many times its floor …
LATENCY_FACTOR = 2.0
# … or before less than this share of what is asked for gets done.
ACHIEVED = 0.95
# A floor of 2 ms would be left by the noise of one; this much above it is no knee yet.
_SLACK_MS = 2.0


class Knee(NamedTuple):
    """What was found.

    Attributes:
        floor_ms: The smallest median latency of all levels.
        last: The last level that holds; None if not even the first does.
        first_beyond: The first level that doesn't, nor does any after it; None if all hold.
    """

    floor_ms: float
    last: Step | None
    first_beyond: Step | None


def holds(step: Step, floor_ms: float) -> bool:
    """Say whether a level is on the floor: as quick as the quietest, nearly all of it done, nothing failed."""
    is_quick = step.p50_ms <= LATENCY_FACTOR * floor_ms + _SLACK_MS
    return is_quick and step.achieved >= ACHIEVED and not step.failures


def find(steps: Sequence[Step]) -> Knee:
    """Return the knee of some levels, in any order.

    A level that only seems to be beyond, because the machine had a bad moment, doesn't count if a higher one holds.

    Args:
        steps: One or more.
    """
    ordered = sorted(steps, key=lambda step: step.level)
    floor_ms = min(step.p50_ms for step in ordered)
    last = None
    for step in ordered:
        if holds(step, floor_ms):
            last = step
    beyond = [step for step in ordered if last is None or step.level > last.level]
    return Knee(floor_ms, last, beyond[0] if beyond else None)


def sentence(knee: Knee, unit: str) -> str:
    """Return a sentence on where the knee is and how it was found."""
    how = (
        f"The floor is the smallest median latency of all levels, {knee.floor_ms:.0f} ms. The knee is the highest "
        f"level whose median is at most {LATENCY_FACTOR:g} times that and {_SLACK_MS:g} ms, at least {ACHIEVED:.0%} of "
        "it done, nothing failed."
    )
    if knee.last is None:
        return f"{how} No level holds: begin with less."
    if knee.first_beyond is None:
        return f"{how} All levels hold, up to {knee.last.level:,.0f} {unit}: the knee lies beyond."
    return (
        f"{how} It lies between {knee.last.level:,.0f} and {knee.first_beyond.level:,.0f} {unit}: "
        f"{knee.last.rate:,.0f} requests/s at a median of {knee.last.p50_ms:.0f} ms."
    )
