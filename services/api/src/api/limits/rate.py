"""Rate limits: how often a client may ask, in a sliding window; shared through Redis by all workers and replicas.

Without Redis, and while Redis doesn't answer, every worker counts for itself in its own memory.
"""

import asyncio
import hashlib
import logging
import math
import time
from fractions import Fraction
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from api.limits import counters

# Redis is asked for no longer than this; after a failure it isn't asked at all for a while.
REDIS_TIMEOUT_S = 0.05
REDIS_PAUSE_S = 1.0
_LOG_PERIOD_S = 60.0
_LONGEST_WINDOW_S = 3600

_log = logging.getLogger(__name__)
_FALLBACKS = Counter(
    "api_rate_limit_fallbacks", "Requests that a worker counted by itself because Redis didn't answer."
)


class RateLimit:
    """Counts requests by client.

    Args:
        per_s: Requests a second, > 0.
        burst: Requests that may come at once; None for those of the shortest window, see :func:`window_of`.
        redis_url: The Redis that shares the counters; None counts in this process.
    """

    def __init__(self, per_s: float, burst: int | None = None, redis_url: str | None = None) -> None:
        from api.limits import counters  # noqa: PLC0415 - 40 ms and 2 MB, with Redis 200 ms and 10 MB

        self._window = counters.window(*window_of(per_s, burst))
        self._own = counters.in_memory()
        self._shared = counters.in_redis(redis_url, REDIS_TIMEOUT_S) if redis_url else None
        self._failures = counters.FAILURES
        self._ask_again_at = self._log_again_at = 0.0

    async def wait_s(self, client: str) -> float:
        """Count one request and return 0; where that is one too many, count none and return the seconds to wait.

        Args:
            client: An API key's owner or an address. Redis sees a digest of it.
        """
        name = hashlib.blake2b(client.encode(), digest_size=16, person=b"api-rate-limit").hexdigest()
        if self._shared is not None and time.monotonic() >= self._ask_again_at:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    return await self._count(self._shared, name)
            except self._failures as failure:
                self._note(failure)
        if self._shared is not None:
            _FALLBACKS.inc()
        return await self._count(self._own, name)

    async def _count(self, limiter: "counters.Limiter", name: str) -> float:
        if await limiter.hit(self._window, name):
            return 0.0
        stats = await limiter.get_window_stats(self._window, name)
        return max(stats.reset_time - time.time(), 0.001)

    def _note(self, failure: Exception) -> None:
        now = time.monotonic()
        self._ask_again_at = now + REDIS_PAUSE_S
        if now >= self._log_again_at:
            self._log_again_at = now + _LOG_PERIOD_S
            reason = str(failure) or f"no answer within {REDIS_TIMEOUT_S:g} s"
            _log.error("Redis doesn't count: rate limits hold per worker", extra={"reason": reason})


def window_of(per_s: float, burst: int | None) -> tuple[int, int]:
    """Return how many requests a window takes, and its length in whole seconds.

    Without a burst it is the shortest window that meets the rate exactly (2.5/s: 5 in 2 s). With a burst it takes that
    many, in as many seconds as the rate needs for them, rounded up.
    """
    if burst is not None:
        return burst, math.ceil(burst / per_s)
    rate = Fraction(per_s).limit_denominator(_LONGEST_WINDOW_S)
    return (rate.numerator, rate.denominator) if rate else (1, math.ceil(1 / per_s))


def client_of(address: str) -> str:
    """Return the client that an address stands for: itself, or its /64 network, which IPv6 gives to one client."""
    if ":" not in address:
        return address
    number = IPv6Address(address.partition("%")[0])
    if number.ipv4_mapped is not None:
        return str(number.ipv4_mapped)
    return number.packed[:8].hex()
