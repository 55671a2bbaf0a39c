"""The jobs in Redis. Every key has a time to live, and every change of a job is one script (``scripts.py``).

jobs:job:ID        hash    the record: owner, kind, state, counts, times
jobs:items:ID      hash    chunk → its packed items, until its results are written
jobs:results:ID    hash    chunk → its results, NDJSON
jobs:due:ID        zset    chunks that are with the workers → when they are sent again
jobs:attempts:ID   hash    chunk → how often it was begun; since:chunk, suspects:chunk → why it comes again
jobs:of:OWNER      zset    ids → when they expire
jobs:key:OWNER:K   string  Idempotency-Key → id
jobs:open          zset    ids of jobs that haven't ended → when they were created
jobs:webhooks      zset    ids of jobs whose end has to be announced → when
jobs:worker:NAME   string  a worker that lives
jobs:workers       zset    names of workers → when they were last seen
jobs:counts        hash    items answered, and failed by status and code, of all jobs since it was made
"""

import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, NamedTuple

from api.errors import JobsUnavailable
from api.jobs import scripts
from api.jobs.figures import Figures, figures_of
from api.jobs.record import Job, NewJob, job_of
from api.jobs.redis_client import REQUEST_S, connect, in_time, storage_full

# Chunks of one job that are with the workers at a time: as many processes can work on it, and other jobs wait for as
# many of its chunks at most.
WINDOW = 16
# A chunk is sent again: where its sender died before it could send it, and where its message got lost.
_UNSENT_S = 5
_QUEUED_S = 300
# From the queue into a process it takes no longer: where the queue is empty, what was sent before that got lost.
_TAKEN_S = 10
_QUEUE = "jobs:broker:chunks"  # Celery's, as `celery_app` has it
# Above the hard limit of a chunk's process.
RUNNING_MARGIN_S = 5
_STAGED_S = 600
_WORKER_S = 15
_WEBHOOK_LEASE_S = 30
_MAX_LISTED = 1000
# The counts of all jobs begin anew after so long without a job.
_COUNTS_S = 30 * 86_400
# The rest of Redis' memory is for results, and for the queue.
_USABLE = 0.8


class Begun(NamedTuple):
    """What a worker is given to work on.

    Attributes:
        job: The job.
        items: The packed items.
        attempt: How often the chunk was begun, this time included.
        suspects: Items of the chunk, counted from its first, whose processes ended.
    """

    job: Job
    items: bytes
    attempt: int
    suspects: list[int]


class Store:
    """The jobs; belongs to one event loop.

    Args:
        url: The Redis.
        expire_s: Seconds that a job lives.
        running_s: Seconds after which a chunk that a worker began is sent again.
        wait_s: Seconds that Redis has for an answer.
    """

    def __init__(self, url: str, *, expire_s: int, running_s: int, wait_s: float = REQUEST_S) -> None:
        self._wait_s = wait_s
        self._expire_s = expire_s
        self._running_s = running_s
        redis: Any = connect(url, wait_s)  # its types allow for other modes, in which it would return other things
        self._redis = redis
        self._create = redis.register_script(scripts.CREATE)
        self._sent = redis.register_script(scripts.SENT)
        self._claim = redis.register_script(scripts.CLAIM)
        self._begin = redis.register_script(scripts.BEGIN)
        self._finish = redis.register_script(scripts.FINISH)
        self._give_back = redis.register_script(scripts.GIVE_BACK)
        self._cancel = redis.register_script(scripts.CANCEL)
        self._figures = redis.register_script(scripts.FIGURES)
        self._due_webhooks = redis.register_script(scripts.DUE_WEBHOOKS)
        self._note_webhook = redis.register_script(scripts.NOTE_WEBHOOK)
        self._suspect = redis.register_script(scripts.SUSPECT)

    def _in_time(self) -> AbstractAsyncContextManager[None]:
        return in_time(self._wait_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def stage(self, job_id: str, chunks: Iterable[bytes], size: int) -> None:
        """Store the items of a job that isn't there yet; nothing stays where that fails, or for ten minutes.

        Args:
            job_id: Its id, from `new_id`.
            chunks: The packed chunks.
            size: Bytes of all of them.

        Raises:
            JobsUnavailable, JobStorageFull: As `redis_client.in_time`.
        """
        await self._check_room(size)
        key = f"jobs:items:{job_id}"
        try:
            for number, chunk in enumerate(chunks):
                async with self._in_time(), self._redis.pipeline(transaction=True) as pipe:
                    pipe.hset(key, str(number), chunk)
                    pipe.expire(key, _STAGED_S)
                    await pipe.execute()
        except JobsUnavailable:  # another wait for Redis would take the client's time; they expire
            raise
        except BaseException:
            await self.unstage(job_id)
            raise

    async def unstage(self, job_id: str) -> None:
        """Forget items of a job that doesn't come about; where Redis is away, they expire."""
        with contextlib.suppress(Exception):
            async with self._in_time():
                await self._redis.unlink(f"jobs:items:{job_id}")

    async def create(self, job_id: str, job: NewJob) -> tuple[str, list[int]]:
        """Make a job of its stored items; from then on it will be worked off.

        Returns:
            Its id, and the chunks to send to the workers. Another id where the Idempotency-Key stands for that one.

        Raises:
            JobsUnavailable, JobStorageFull: As `redis_client.in_time`.
        """
        keys = [
            f"jobs:job:{job_id}",
            f"jobs:items:{job_id}",
            f"jobs:of:{job.owner}",
            f"jobs:key:{job.owner}:{job.idempotency}",
            "jobs:open",
            f"jobs:due:{job_id}",
        ]
        pairs = [part for pair in job.fields().items() for part in pair]
        arguments = [job_id, self._expire_s, WINDOW, _UNSENT_S, int(bool(job.idempotency)), *pairs]
        async with self._in_time():
            found, *chunks = await self._create(keys, arguments)
        return found.decode(), [int(chunk) for chunk in chunks]

    async def sent(self, job_id: str, chunks: Sequence[int]) -> None:
        """Note that chunks are in the queue."""
        if chunks:
            async with self._in_time():
                await self._sent([f"jobs:due:{job_id}"], [_QUEUED_S, *chunks])

    async def job(self, job_id: str) -> Job | None:
        """Return a job; None where there is none."""
        async with self._in_time():
            raw: dict[bytes, bytes] = await self._redis.hgetall(f"jobs:job:{job_id}")
        return job_of(job_id, raw) if b"owner" in raw else None

    async def find(self, owner: str, idempotency: str) -> Job | None:
        """Return the job that an Idempotency-Key's digest stands for; None for none."""
        async with self._in_time():
            job_id: bytes | None = await self._redis.get(f"jobs:key:{owner}:{idempotency}")
        return await self.job(job_id.decode()) if job_id else None

    async def jobs_of(self, owner: str, limit: int) -> list[Job]:
        """Return an owner's jobs, the newest first."""
        async with self._in_time():
            ids = await self._redis.zrevrange(f"jobs:of:{owner}", 0, limit - 1)
            async with self._redis.pipeline(transaction=False) as pipe:
                for each in ids:
                    pipe.hgetall(f"jobs:job:{each.decode()}")
                raws: list[dict[bytes, bytes]] = await pipe.execute()
        return [job_of(each.decode(), raw) for each, raw in zip(ids, raws, strict=True) if b"owner" in raw]

    async def results(self, job_id: str, chunks: Sequence[int]) -> list[bytes | None]:
        """Return the results of chunks; None for each that has none yet."""
        async with self._in_time():
            found: list[bytes | None] = await self._redis.hmget(
                f"jobs:results:{job_id}", [str(chunk) for chunk in chunks]
            )
        return found

    async def cancel(self, job_id: str) -> bool:
        """End an open job; say whether it was open. Its results so far stay."""
        names = ("job", "due", "attempts", "items")
        keys = [*(f"jobs:{name}:{job_id}" for name in names), "jobs:open", "jobs:webhooks"]
        async with self._in_time():
            return bool(await self._cancel(keys, [job_id]))

    async def remove(self, job: Job) -> None:
        """Delete a job with all that belongs to it."""
        keys = [f"jobs:{name}:{job.id}" for name in ("job", "items", "results", "due", "attempts")]
        if job.idempotency:
            keys.append(f"jobs:key:{job.owner}:{job.idempotency}")
        async with self._in_time(), self._redis.pipeline(transaction=True) as pipe:
            pipe.unlink(*keys)
            for name in (f"jobs:of:{job.owner}", "jobs:open", "jobs:webhooks"):
                pipe.zrem(name, job.id)
            await pipe.execute()

    async def begin(self, job_id: str, chunk: int) -> Begun | None:
        """Begin a chunk; None where there is nothing to do, since it has its results or the job has ended."""
        keys = [f"jobs:{name}:{job_id}" for name in ("job", "due", "attempts", "results", "items")]
        async with self._in_time():
            said, *rest = await self._begin(keys, [chunk, self._running_s])
        if said != b"run":
            return None
        job = await self.job(job_id)
        suspects = [int(each) for each in rest[2].split(b",") if each]
        return Begun(job, rest[0], int(rest[1]), suspects) if job else None

    async def suspect(self, job_id: str, chunk: int, items: Sequence[int]) -> None:
        """Note the items of a chunk that ended their processes, and the one that is begun now; `begin` returns them."""
        async with self._in_time():
            keys = [f"jobs:job:{job_id}", f"jobs:attempts:{job_id}"]
            await self._suspect(keys, [chunk, ",".join(str(each) for each in items)])

    async def finish(  # noqa: PLR0913 - what the script takes
        self,
        job_id: str,
        chunk: int,
        results: bytes,
        done: int,
        failed: int,
        *,
        failures: Mapping[str, int] = MappingProxyType({}),
    ) -> list[int]:
        """Write the results of a chunk, once, and return the chunks of the job to send next.

        Args:
            job_id: The job.
            chunk: The chunk.
            results: A line for each item.
            done: Items that have an answer.
            failed: Items that failed.
            failures: The same by kind, for `figures`.
        """
        names = ("job", "due", "attempts", "results", "items")
        keys = [*(f"jobs:{name}:{job_id}" for name in names), "jobs:open", "jobs:webhooks", "jobs:counts"]
        counts = [part for pair in failures.items() for part in pair]
        arguments = [job_id, chunk, done, failed, results, WINDOW, _UNSENT_S, _COUNTS_S, *counts]
        async with self._in_time():
            found = await self._finish(keys, arguments)
        return [int(each) for each in found]

    async def give_back(self, job_id: str, chunk: int, min_s: float, max_s: float) -> float:
        """Have a chunk sent again after as long as it has been given back for, within bounds; return that time in s."""
        keys = [f"jobs:{name}:{job_id}" for name in ("job", "due", "attempts")]
        async with self._in_time():
            return float(await self._give_back(keys, [chunk, min_s, max_s]))

    async def claim_all(self) -> dict[str, list[int]]:
        """Return the chunks of all open jobs that have to be sent."""
        async with self._in_time():
            ids: list[bytes] = await self._redis.zrange("jobs:open", 0, _MAX_LISTED - 1)
            is_empty = int(await self._redis.llen(_QUEUE) == 0)
        claimed = {}
        for job_id in (each.decode() for each in ids):
            keys = [f"jobs:job:{job_id}", f"jobs:due:{job_id}", "jobs:open", f"jobs:attempts:{job_id}"]
            async with self._in_time():
                found = await self._claim(keys, [job_id, WINDOW, _UNSENT_S, is_empty, _QUEUED_S - _TAKEN_S])
            if found:
                claimed[job_id] = [int(each) for each in found]
        return claimed

    async def due_webhooks(self) -> list[str]:
        """Return the jobs whose end has to be announced now; each comes again where nothing is noted of it."""
        async with self._in_time():
            return [each.decode() for each in await self._due_webhooks(["jobs:webhooks"], [_WEBHOOK_LEASE_S])]

    async def note_webhook(self, job_id: str, state: str, attempts: int, again_in_s: float | None) -> None:
        """Note how an announcement went, and when it is tried again; None for never."""
        pause = "" if again_in_s is None else again_in_s
        async with self._in_time():
            await self._note_webhook([f"jobs:job:{job_id}", "jobs:webhooks"], [job_id, state, attempts, pause])

    async def note_worker(self, name: str) -> None:
        """Note that a worker lives."""
        async with self._in_time():
            seconds, _ = await self._redis.time()
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(f"jobs:worker:{name}", 1, ex=_WORKER_S)
                pipe.zadd("jobs:workers", {name: seconds})
                pipe.zremrangebyscore("jobs:workers", "-inf", seconds - _WORKER_S)
                pipe.expire("jobs:workers", _WORKER_S)
                await pipe.execute()

    async def figures(self) -> Figures:
        """Return figures of all jobs together; of more than a thousand open jobs, those of the oldest thousand.

        Raises:
            JobsUnavailable: Redis doesn't answer.
        """
        async with self._in_time():
            summed = await self._figures(["jobs:open", "jobs:workers"], [_MAX_LISTED, _WORKER_S])
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hgetall("jobs:counts")
                pipe.info("memory")
                counts, memory = await pipe.execute()
        return figures_of(summed, counts, memory)

    async def _check_room(self, size: int) -> None:
        """Refuse items that would leave Redis too little memory for results and the queue."""
        async with self._in_time():
            memory: dict[str, Any] = await self._redis.info("memory")
        if memory["maxmemory"] and memory["used_memory"] + size > _USABLE * memory["maxmemory"]:
            raise storage_full()


def new_id() -> str:
    """Return an id that can't be guessed."""
    return secrets.token_hex(16)
