"""What became of every request."""

import math
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

# Kept for percentiles and rates; a run that goes on for longer counts on without them.
MOST_TIMES = 1_000_000


@dataclass
class Failure:
    """A request without an honest answer."""

    at: float  # time.monotonic()
    why: str
    port: int  # the client's; 0 if it never got a connection


@dataclass
class Tally:
    """Counts, and the times behind them.

    Attributes:
        answered: Right answers.
        by_version: Right answers by the model's version.
        wrong: Answers with another digit than the model's, and when.
        refused: Refusals that say so, by the code of the api's error body.
        failed: Everything else.
        lost: Requests sent again, because a kept-alive connection closed in the instant: ids, times and ports.
        shut: Requests never sent, because nobody listened any more.
    """

    answered: int = 0
    by_version: Counter[str] = field(default_factory=Counter)
    wrong: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    lost: dict[str, Failure] = field(default_factory=dict)
    shut: int = 0
    answer_times: list[tuple[float, float]] = field(default_factory=list)  # (when, seconds)
    refusal_times: list[tuple[float, float]] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Requests; each has ended in one way, and one that was sent again counts once."""
        return self.answered + len(self.wrong) + self.refused.total() + len(self.failed)

    def answer(self, version: str, took_s: float) -> None:
        """Count a right answer."""
        self.answered += 1
        self.by_version[version] += 1
        _keep(self.answer_times, took_s)

    def refuse(self, code: str, took_s: float) -> None:
        """Count an honest refusal."""
        self.refused[code] += 1
        _keep(self.refusal_times, took_s)

    def fail(self, why: str, port: int) -> None:
        """Count a failure."""
        self.failed.append(Failure(time.monotonic(), why, port))

    def rate(self, start: float, stop: float) -> float:
        """Return right answers a second between two moments of ``time.monotonic()``."""
        return sum(start <= at < stop for at, _ in self.answer_times) / (stop - start)

    def answer_ms(self, percentile: float, since: float = -math.inf) -> float:
        """Return a percentile (0–100) of the right answers' times, NaN where there are none."""
        return _percentile_ms(self.answer_times, percentile, since)

    def refusal_ms(self, percentile: float) -> float:
        """Return a percentile (0–100) of the refusals' times, NaN where there are none."""
        return _percentile_ms(self.refusal_times, percentile, -math.inf)

    def slowest_s(self) -> float:
        """Return the slowest right answer's seconds, 0 where there is none."""
        return max((took for _, took in self.answer_times), default=0.0)


def _keep(times: list[tuple[float, float]], took_s: float) -> None:
    if len(times) < MOST_TIMES:
        times.append((time.monotonic(), took_s))


def _percentile_ms(times: list[tuple[float, float]], percentile: float, since: float) -> float:
    found = [took for at, took in times if at >= since]
    return float(np.percentile(found, percentile)) * 1e3 if found else math.nan
