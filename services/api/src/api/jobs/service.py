"""What the jobs' routes work with; made only where a Redis is set."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from api.errors import JobsUnavailable, KeyReused, Overloaded, UnknownJob
from api.jobs.intake import Intake
from api.jobs.packer import Limits, Packed
from api.jobs.publisher import Publisher
from api.jobs.record import Job, NewJob
from api.jobs.redis_client import REQUEST_S
from api.jobs.store import RUNNING_MARGIN_S, Store, new_id
from api.jobs.watch import Watch
from api.settings import Settings

# Uploads of a worker at a time: each takes disk space, and time of the thread that reads them.
_MAX_UPLOADS = 4
# Streams of results of a worker at a time that wait for more of them.
_MAX_FOLLOWERS = 32


def store_of(settings: Settings, wait_s: float = REQUEST_S) -> Store:
    """Return the jobs in the Redis that the settings name, which has so many seconds for an answer."""
    assert settings.redis_url is not None  # noqa: S101 - jobs are on
    running_s = settings.jobs_chunk_limit_s + RUNNING_MARGIN_S
    url = settings.redis_url.get_secret_value()
    return Store(url, expire_s=settings.jobs_expire_s, running_s=running_s, wait_s=wait_s)


class Jobs:
    """The jobs, as one process of the api serves them; belongs to one event loop.

    Args:
        settings: The Redis, and the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = store_of(settings)
        self.watch = Watch(self.store)
        limits = Limits(settings.jobs_max_items, settings.max_body_bytes, settings.jobs_max_bytes)
        self.intake = Intake(limits, settings.jobs_spool_dir)
        self._publisher = Publisher(settings)
        self._uploads = asyncio.Semaphore(_MAX_UPLOADS)
        self._followers = asyncio.Semaphore(_MAX_FOLLOWERS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._publisher.close()
        await self.store.close()

    @asynccontextmanager
    async def uploading(self) -> AsyncIterator[None]:
        """Count the block as an upload.

        Raises:
            Overloaded: There are too many.
        """
        async with _slot(self._uploads, "jobs are uploaded"):
            yield

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Count the block as a stream that waits for results.

        Raises:
            Overloaded: There are too many.
        """
        async with _slot(self._followers, "streams of results are open"):
            yield

    async def add(self, job: NewJob, packed: Packed) -> Job:
        """Store a job and have it worked off; with the Idempotency-Key of another one, return that.

        Raises:
            KeyReused: That one has other items.
            JobsUnavailable: Redis doesn't answer; then there is no job, unless Redis has hung since it got it.
            JobStorageFull: Redis is full.
        """
        if job.idempotency and (former := await self.store.find(job.owner, job.idempotency)):
            return _same(former, job)
        job_id = new_id()
        await self.store.stage(job_id, packed.chunks(), sum(packed.sizes))
        try:
            made, chunks = await self.store.create(job_id, job)
        except JobsUnavailable:  # as in `Store.stage`
            raise
        except BaseException:
            await self.store.unstage(job_id)
            raise
        if made != job_id:  # of a request with the same key at the same time
            await self.store.unstage(job_id)
        elif await self._publisher.send(job_id, chunks):
            await self.store.sent(job_id, chunks)
        found = await self.store.job(made)
        if found is None:
            raise UnknownJob("The job has expired already; raise API_JOBS_EXPIRE_S.")
        return _same(found, job)


def owner_of(name: str) -> str:
    """Return what stands for an API key in Redis; all requests without one share one."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def _same(found: Job, job: NewJob) -> Job:
    if found.fingerprint != job.fingerprint:
        raise KeyReused("This Idempotency-Key was sent with another body; use a new one for a new job.")
    return found


@asynccontextmanager
async def _slot(semaphore: asyncio.Semaphore, what: str) -> AsyncIterator[None]:
    if semaphore.locked():
        raise Overloaded(f"Too many {what} at the moment; try again in a second.", retry_after_s=1)
    async with semaphore:
        yield
