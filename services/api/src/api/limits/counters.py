"""The ``limits`` library's counters, in this process and in Redis; imported only where a rate limit is set."""

import time
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as Limiter
from limits.errors import StorageError

__all__ = ["FAILURES", "MAX_COUNTERS", "Limiter", "in_memory", "in_redis", "window"]

# What counting in Redis raises while Redis is away, hangs, or refuses.
FAILURES = (StorageError, OSError, TimeoutError)
# One client has a counter for the current window and one for the last; about 4 MB.
MAX_COUNTERS = 10_000
_MAX_CONNECTIONS = 32  # to Redis, a worker
_PREFIX = "api-rate-limit"


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


def window(amount: int, seconds: int) -> RateLimitItemPerSecond:
    """Return a limit of so many requests in so many seconds."""
    return RateLimitItemPerSecond(amount, seconds, namespace=_PREFIX)


def in_memory() -> Limiter:
    """Return counters in this process."""
    return Limiter(BoundedMemory())


def in_redis(url: str, timeout_s: float) -> Limiter:
    """Return counters in Redis, each with a time to live of two windows; nothing is connected yet.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        timeout_s: Seconds to connect, and to wait for an answer or for a free connection.
    """
    from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - 160 ms and 8 MB
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "timeout": timeout_s}
    pool: Any = BlockingConnectionPool.from_url(
        url, max_connections=_MAX_CONNECTIONS, retry=Retry(NoBackoff(), 0), **options
    )
    # The pool knows the address; of the URL here the library reads the scheme alone.
    return Limiter(RedisStorage("async+redis://", wrap_exceptions=True, implementation="redispy", connection_pool=pool))
