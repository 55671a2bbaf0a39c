"""Connections to Redis that give up in time, and the api's errors for what goes wrong there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.errors import JobStorageFull, JobsUnavailable

# A client of the api waits no longer for Redis. A worker has time: a chunk whose results it can't write is done anew.
REQUEST_S = 1.6
WORKER_S = 10.0
_CONNECTIONS = 32  # of a process
# What a client is told to wait.
_RETRY_AFTER_S = 5
_FULL_RETRY_AFTER_S = 60


def connect(url: str, wait_s: float) -> Redis:
    """Return a client of Redis; it connects with the first command.

    Args:
        url: The Redis.
        wait_s: Seconds for a connection and a command together.
    """
    options: dict[str, Any] = dict.fromkeys(("socket_timeout", "socket_connect_timeout", "timeout"), wait_s / 2)
    # Once more where the connection turns out to be broken, as all are after a restart of Redis.
    retry = Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,))
    options |= {"max_connections": _CONNECTIONS, "retry": retry}
    return Redis(connection_pool=BlockingConnectionPool.from_url(url, **options))


@asynccontextmanager
async def failures() -> AsyncIterator[None]:
    """Turn what Redis says into the api's errors.

    Raises:
        JobsUnavailable: It doesn't answer.
        JobStorageFull: It is at its memory limit, or its disk is full.
    """
    try:
        yield
    except exceptions.OutOfMemoryError as exc:
        raise storage_full() from exc
    except (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError, OSError) as exc:
        raise unavailable() from exc
    except exceptions.ResponseError as exc:
        # MISCONF: the disk of its append-only file is full; Redis then takes nothing that it would have to write.
        if any(words in str(exc) for words in ("OOM", "used memory", "MISCONF")):
            raise storage_full() from exc
        raise


@asynccontextmanager
async def in_time(wait_s: float) -> AsyncIterator[None]:
    """Give the block's commands so many seconds.

    Raises:
        JobsUnavailable, JobStorageFull: As `failures`.
    """
    async with failures(), asyncio.timeout(wait_s):
        yield


def unavailable() -> JobsUnavailable:
    """Return the error of a Redis that doesn't answer."""
    message = "The Redis that holds the jobs doesn't answer; try again in a few seconds."
    return JobsUnavailable(message, retry_after_s=_RETRY_AFTER_S)


def storage_full() -> JobStorageFull:
    """Return the error of a Redis without room."""
    message = "Redis has no room for this job; try again later, or send a smaller one."
    return JobStorageFull(message, retry_after_s=_FULL_RETRY_AFTER_S)
