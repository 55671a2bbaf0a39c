"""Limits for times and rates: strict for a machine without other load, lenient beside other tests."""

from typing import NamedTuple


class Bounds(NamedTuple):
    """The limits that measured values are compared with.

    Attributes:
        noticed_s: Seconds from the fault until ``/health/ready`` reports it.
        recovered_s: Seconds from the repair until ``/health/ready`` answers 200 again.
        goodput: Correct answers per second under overload, as a share of the peak.
        growth: Memory at the end of an overload, as a multiple of the memory at its beginning.
        refusal: Median time of a refusal, as a share of an answer's.
        delayed_s: Slowest answer while one of two replicas hangs or is slow.
        slowdown: Median answer from ``delayed_s`` after the fault on, as a multiple of that before it.
    """

    noticed_s: float = 3.0
    recovered_s: float = 3.0
    goodput: float = 0.9
    growth: float = 1.1
    refusal: float = 0.1
    delayed_s: float = 1.0
    slowdown: float = 2.0


STRICT = Bounds()
# Times and rates depend on the machine's other load. Numbers of failed and wrong requests do not: their limit stays 0.
LENIENT = Bounds(noticed_s=8.0, recovered_s=8.0, goodput=0.5, growth=1.3, refusal=0.5, delayed_s=3.0, slowdown=5.0)
