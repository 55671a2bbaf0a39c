"""Rate limits: how often a client may ask, in a sliding window; through Redis for all workers and replicas together.

Without Redis, and while Redis doesn't answer, every worker counts in its own memory. Import this module only where a
rate limit is set: ``limits`` takes 40 ms and 2 MB, ``redis`` 160 ms and 8 MB.
"""

import asyncio
import hashlib
import logging
import math
import time
from fractions import Fraction
from ipaddress import IPv6Address
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from prometheus_client import Counter

from api.telemetry.logs import OnceAMinute

# Redis is waited for no longer than this; after a failure requests go without it for a while.
REDIS_TIMEOUT_S = 0.05
REDIS_PAUSE_S = 1.0
_REDIS_CONNECTIONS = 32  # of a worker
_LONGEST_WINDOW_S = 3600
# A client has one for this window and one for the last; about 3 MB.
MAX_COUNTERS = 10_000

_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())
_FALLBACKS = Counter("api_rate_limit_fallbacks", "Requests that a worker counted alone, because Redis didn't answer.")


class RateLimit:
    """Counts requests by client.

    Args:
        per_s: Requests a second, > 0.
        burst: Requests that may come at once; None for those of the shortest window, see :func:`window_of`.
        redis_url: The Redis that shares the counters; None counts in this process.
    """

    def __init__(self, per_s: float, burst: int | None = None, redis_url: str | None = None) -> None:
        self._window = RateLimitItemPerSecond(*window_of(per_s, burst), namespace="api-rate-limit")
        self._own = SlidingWindowCounterRateLimiter(BoundedMemory())
        self._shared = SlidingWindowCounterRateLimiter(_redis(redis_url)) if redis_url else None
        self._ask_again_at = 0.0

    async def wait_s(self, owner: str | None, address: str) -> float:
        """Count one request and return 0; where that is one too many, count none and return the seconds to wait.

        Args:
            owner: The owner of the request's API key; None counts by address.
            address: The client's.
        """
        # Redis sees digests of keys and addresses.
        name = hashlib.blake2b((owner or client_of(address)).encode(), digest_size=16).hexdigest()
        if self._shared is None:
            return await self._count(self._own, name)
        if time.monotonic() >= self._ask_again_at:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    return await self._count(self._shared, name)
            except (StorageError, OSError, TimeoutError) as failure:
                self._ask_again_at = time.monotonic() + REDIS_PAUSE_S
                reason = str(failure) or f"no answer within {REDIS_TIMEOUT_S:g} s"
                _log.error("Redis doesn't count: rate limits hold per worker", extra={"reason": reason})
        _FALLBACKS.inc()
        return await self._count(self._own, name)

    async def _count(self, limiter: SlidingWindowCounterRateLimiter, name: str) -> float:
        if await limiter.hit(self._window, name):
            return 0.0
        stats = await limiter.get_window_stats(self._window, name)
        return max(stats.reset_time - time.time(), 0.001)


class BoundedMemory(MemoryStorage):
    """The library's storage in memory, with a bound: it would look through all counters at every request."""

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter; the oldest one goes when there are too many."""
        count = await self.get(key) + amount  # 0 for one that has expired
        self.storage[key] = count
        if count == amount:
            self.expirations[key] = time.time() + expiry
        if len(self.storage) > MAX_COUNTERS:
            await self.clear(next(iter(self.storage)))
        return count


def _redis(url: str) -> RedisStorage:
    """Return counters in Redis, each with a time to live of two windows; connects at the first request."""
    from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - see above
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    options: dict[str, Any] = dict.fromkeys(("socket_timeout", "socket_connect_timeout", "timeout"), REDIS_TIMEOUT_S)
    options |= {"max_connections": _REDIS_CONNECTIONS, "retry": Retry(NoBackoff(), 0)}
    pool: Any = BlockingConnectionPool.from_url(url, **options)
    # The library reads the scheme of the URL here; the address is the pool's.
    return RedisStorage("async+redis://", wrap_exceptions=True, implementation="redispy", connection_pool=pool)


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
    return str(number.ipv4_mapped or number.packed[:8].hex())
