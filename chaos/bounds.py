"""How much is asked: of a machine that one has for oneself, and of one that runs a dozen other tests."""

from typing import NamedTuple


class Bounds(NamedTuple):
    """The figures that a promise is held against.

    Attributes:
        noticed_s: Seconds until a fault shows at ``/health/ready``.
        recovered_s: Seconds from the repair until it is ready again.
        goodput: Right answers a second under overload, as a share of the peak.
        growth: Memory at the end of an overload, as a multiple of that at its beginning.
        refusal: A refusal's median time, as a share of an answer's.
    """

    noticed_s: float = 3.0
    recovered_s: float = 3.0
    goodput: float = 0.9
    growth: float = 1.1
    refusal: float = 0.1


STRICT = Bounds()
# What is counted, the failed and the lost, stays as strict; what is timed depends on who else is there.
LENIENT = Bounds(noticed_s=8.0, recovered_s=8.0, goodput=0.5, growth=1.3, refusal=0.5)
