"""The outcome of every request of a load."""

import math
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

# Limits the memory of a long run; later requests are counted, but left out of percentiles and rates.
MAX_TIMES = 1_000_000


@dataclass
class Failure:
    """A request that got neither an answer nor a refusal in the API's error format."""

    at: float  # time.monotonic()
    why: str
    port: int  # the client's end of the connection; 0 if there was none


@dataclass
class RequestCounts:
    """Numbers of requests by outcome, and their times.

    Attributes:
        answered: Correct answers.
        by_version: Correct answers by model version.
        wrong: Times of answers with another digit than expected.
        refused: Refusals in the API's error format, by error code.
        failed: All other outcomes.
        resent: First attempts of requests that were sent again because a kept-alive connection was closing, by
            request id.
        not_connected: Connection attempts that were refused because no process listened; no request was sent.
    """

    answered: int = 0
    by_version: Counter[str] = field(default_factory=Counter)
    wrong: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    resent: dict[str, Failure] = field(default_factory=dict)
    not_connected: int = 0
    answer_times: list[tuple[float, float]] = field(default_factory=list)  # (time.monotonic(), seconds)
    refusal_times: list[tuple[float, float]] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Number of requests; each has one outcome, and a request that was sent again counts once."""
        return self.answered + len(self.wrong) + self.refused.total() + len(self.failed)

    def answer(self, version: str, took_s: float) -> None:
        """Count a correct answer."""
        self.answered += 1
        self.by_version[version] += 1
        _append(self.answer_times, took_s)

    def refuse(self, code: str, took_s: float) -> None:
        """Count a refusal in the API's error format."""
        self.refused[code] += 1
        _append(self.refusal_times, took_s)

    def fail(self, why: str, port: int) -> None:
        """Count a failure."""
        self.failed.append(Failure(time.monotonic(), why, port))

    def rate(self, start: float, stop: float) -> float:
        """Return correct answers per second between two values of ``time.monotonic()``."""
        return sum(start <= at < stop for at, _ in self.answer_times) / (stop - start)

    def answer_ms(self, percentile: float, since: float = -math.inf) -> float:
        """Return a percentile (0–100) of the correct answers' times; NaN if there are none."""
        return _percentile_ms(self.answer_times, percentile, since)

    def refusal_ms(self, percentile: float) -> float:
        """Return a percentile (0–100) of the refusals' times; NaN if there are none."""
        return _percentile_ms(self.refusal_times, percentile, -math.inf)

    def slowest_s(self) -> float:
        """Return the seconds of the slowest correct answer; 0 if there is none."""
        return max((took for _, took in self.answer_times), default=0.0)


def _append(times: list[tuple[float, float]], took_s: float) -> None:
    if len(times) < MAX_TIMES:
        times.append((time.monotonic(), took_s))


def _percentile_ms(times: list[tuple[float, float]], percentile: float, since: float) -> float:
    found = [took for at, took in times if at >= since]
    return float(np.percentile(found, percentile)) * 1e3 if found else math.nan
