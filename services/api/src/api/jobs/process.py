"""A process of the worker's pool: its event loop, its gRPC channel and its connections, all made after the fork.

Celery's tasks are plain functions, which it calls one at a time in each process; a coroutine as a task would never run.
Here they run coroutines in the process's own event loop.
"""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from api.inference.batcher import MicroBatcher
from api.inference.models import Models
from api.inference.traffic import Traffic
from api.inference.triton import TritonClient
from api.jobs.announcer import announce
from api.jobs.chunks import ChunkWorker
from api.jobs.redis_client import WORKER_S
from api.jobs.service import store_of
from api.settings import Settings
from api.tasks.base import Task
from api.telemetry.tracing import Tracing

# Webhooks under way in a process.
_ANNOUNCEMENTS = 4
_Result = TypeVar("_Result")


class WorkerProcess:
    """What the tasks of one process work with.

    Args:
        settings: The worker's settings.
        tasks: What is served.
    """

    def __init__(self, settings: Settings, tasks: Sequence[Task]) -> None:
        os.nice(settings.jobs_nice)
        self._settings = settings.model_copy(update={"deadline_s": settings.jobs_deadline_s})
        self._tasks = {task.name: task for task in tasks}
        self._stack = AsyncExitStack()
        self._runner = asyncio.Runner()
        self._threads = ThreadPoolExecutor(_ANNOUNCEMENTS, "announce")
        self.chunks = self._runner.run(self._open())

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def announce(self, job_id: str) -> None:
        """Announce the end of a job on a thread: a receiver that is slow must not hold up chunks.

        Where the process ends before it is done, the next sweep after half a minute has it announced again.
        """
        self._threads.submit(announce, self._settings, job_id)

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _open(self) -> ChunkWorker:
        settings, stack = self._settings, self._stack
        tracing = Tracing(settings, service="worker")
        await stack.enter_async_context(tracing.exporting())
        client = await stack.enter_async_context(TritonClient(settings, tracing))
        store = store_of(settings, WORKER_S)
        stack.push_async_callback(store.close)
        batcher = MicroBatcher(
            client,
            Models(client),
            max_calls=1,
            max_queued_rows=settings.max_queued_images,
            traffic=Traffic(settings.traffic_file) if settings.traffic_file else None,
        )
        return ChunkWorker(store, self._tasks, batcher, tracing, settings)
