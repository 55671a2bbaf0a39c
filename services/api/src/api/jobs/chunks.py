"""Works on one chunk of a job: reads its items, asks about them, writes its results."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from api.errors import ApiError, JobStorageFull, JobsUnavailable, WorkerLost
from api.inference.batcher import MicroBatcher
from api.jobs.figures import kind_of_failure
from api.jobs.items import Chunk, unpack
from api.jobs.kinds import TRY_AGAIN, Kind, Outcome, kind_of
from api.jobs.results import answer_line, error_line
from api.jobs.store import Begun, Store
from api.settings import Settings
from api.tasks.base import Task
from api.telemetry.request_context import RequestContext
from api.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)
# A chunk that Triton can't answer comes again after a second, and after longer the longer Triton is away.
_MIN_PAUSE_S = 1.0
_MAX_PAUSE_S = 10.0
# While Redis doesn't answer, or can't write, the results are held for so long.
_HOLD_S = 20.0


class ChunkWorker:
    """Works on chunks, in one event loop.

    Args:
        store: The jobs.
        tasks: What is served, by name.
        batcher: Asks the models.
        tracing: Makes the spans.
        settings: How often and how long a chunk is tried.
    """

    def __init__(
        self, store: Store, tasks: Mapping[str, Task], batcher: MicroBatcher, tracing: Tracing, settings: Settings
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._batcher = batcher
        self._tracing = tracing
        self._settings = settings

    async def work(self, job_id: str, number: int) -> list[int]:
        """Answer a chunk, once its job still wants it; return the chunks to send next.

        Raises:
            JobsUnavailable: Redis doesn't answer; the chunk will be sent again.
        """
        begun = await self._store.begin(job_id, number)
        if begun is None:
            return []
        start = time.perf_counter()
        chunk = unpack(begun.items)
        outcomes: Sequence[Outcome] | None
        try:
            outcomes = await self._outcomes(begun, number, chunk)
        except TRY_AGAIN as away:
            outcomes = await self._try_later(job_id, number, chunk, away)
            if outcomes is None:
                return []
        failures = Counter(kind_of_failure(outcome) for outcome in outcomes if isinstance(outcome, ApiError))
        failed = failures.total()
        following = await self._finish(job_id, number, _lines(chunk, outcomes), len(outcomes) - failed, failures)
        took_ms = round((time.perf_counter() - start) * 1000, 1)
        fields = {"job": job_id, "chunk": number, "items": len(outcomes), "failed": failed, "total_ms": took_ms}
        _log.info("chunk", extra={"fields": fields})
        return following

    async def note_sent(self, job_id: str, chunks: Sequence[int]) -> None:
        """Note that chunks are in the queue."""
        await self._store.sent(job_id, chunks)

    async def _outcomes(self, begun: Begun, number: int, chunk: Chunk) -> Sequence[Outcome]:
        job, times = begun.job, self._settings.jobs_max_attempts
        most = 2 * times + 1  # one by one as often as at once, and then without those that were found
        if begun.attempt > most:
            _log.error("chunk given up", extra={"job": job.id, "chunk": number})
            return [_lost(most)] * len(chunk.items)
        with self._tracing.continued(job.traceparent, "job chunk", {"api.job": job.id, "api.chunk": number}) as span:
            context = RequestContext(f"job-{job.id}-{number}", time.perf_counter(), span=span)
            try:
                kind = kind_of(job.kind, self._tasks, self._batcher)
                if begun.attempt > times:
                    return await self._one_by_one(begun, number, chunk, kind, context)
                return await kind.answer(chunk.items, context)
            except (*TRY_AGAIN, JobsUnavailable, JobStorageFull):
                raise
            except ApiError as error:
                return [error] * len(chunk.items)
            finally:
                self._tracing.end(context)

    async def _one_by_one(
        self, begun: Begun, number: int, chunk: Chunk, kind: Kind, context: RequestContext
    ) -> Sequence[Outcome]:
        """Answer each item by itself, so that one that ends its process takes no others with it."""
        lost = begun.suspects
        outcomes: list[Outcome] = []
        for index, item in enumerate(chunk.items):
            if index in lost:
                outcomes.append(_lost(self._settings.jobs_max_attempts + 1))
                continue
            await self._store.suspect(begun.job.id, number, [*lost, index])
            try:
                outcomes += await kind.answer([item], context)
            except ApiError:
                await self._store.suspect(begun.job.id, number, lost)
                raise
        return outcomes

    async def _try_later(self, job_id: str, number: int, chunk: Chunk, away: ApiError) -> Sequence[Outcome] | None:
        """Give the chunk back; return the error for all of its items where that has gone on for too long."""
        since_s = await self._store.give_back(job_id, number, _MIN_PAUSE_S, _MAX_PAUSE_S)
        if since_s >= self._settings.jobs_retry_s:
            return [away] * len(chunk.items)
        fields = {"job": job_id, "chunk": number, "code": away.code, "since_s": round(since_s, 1)}
        _log.warning("chunk later", extra=fields)
        return None

    async def _finish(self, job_id: str, number: int, lines: bytes, done: int, failures: Counter[str]) -> list[int]:
        until = time.monotonic() + _HOLD_S
        while True:
            try:
                return await self._store.finish(job_id, number, lines, done, failures.total(), failures=failures)
            except (JobsUnavailable, JobStorageFull):
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(_MIN_PAUSE_S)


def _lost(times: int) -> WorkerLost:
    return WorkerLost(f"A worker process ended at each of {times} attempts to answer it.")


def _lines(chunk: Chunk, outcomes: Sequence[Outcome]) -> bytes:
    lines = []
    for index, (item, outcome) in enumerate(zip(chunk.items, outcomes, strict=True), chunk.start):
        is_error = isinstance(outcome, ApiError)
        lines.append(error_line(index, item, outcome) if is_error else answer_line(index, item, outcome))
    return b"".join(lines)
