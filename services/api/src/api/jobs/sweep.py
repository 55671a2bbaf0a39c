"""Looks through the open jobs once a second, in the main process of each worker.

It puts into the queue what has to be there: chunks whose sender or worker has died, chunks that were given back, and
ends of jobs that have to be announced. It also notes that the worker lives.
"""

import asyncio
import logging
from typing import Any

from celery import bootsteps
from celery.worker import WorkController

from api.errors import ApiError
from api.jobs import heartbeat
from api.jobs.messages import send_announcement, send_chunks
from api.jobs.redis_client import WORKER_S
from api.jobs.service import store_of
from api.settings import Settings
from api.telemetry.logs import OnceAMinute

_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())
_PERIOD_S = 1.0


def sweep_with(settings: Settings) -> type[bootsteps.StartStopStep]:
    """Return the step of the worker's start that begins the sweeps.

    Args:
        settings: The Redis.
    """

    class Sweep(bootsteps.StartStopStep):  # type: ignore[misc]
        """Runs on the timer of the worker's main process, which has time: it only hands out messages."""

        requires = frozenset({"celery.worker.components:Timer"})
        _timer: Any = None

        def start(self, parent: WorkController) -> None:
            """Begin."""
            self._timer = parent.timer.call_repeatedly(_PERIOD_S, sweep, (settings, parent))

        def stop(self, _parent: WorkController) -> None:
            """End."""
            if self._timer is not None:
                self._timer.cancel()

    return Sweep


def sweep(settings: Settings, worker: WorkController) -> None:
    """Look through the jobs once, and note that."""
    working = _sweep(settings, worker)
    if settings.jobs_heartbeat_file is not None:
        try:
            heartbeat.note(settings.jobs_heartbeat_file, working=working)
        except OSError as exc:
            _log.error("sweep", extra={"reason": f"API_JOBS_HEARTBEAT_FILE can't be written: {exc}"})


def _sweep(settings: Settings, worker: WorkController) -> bool:
    """Look through the jobs, and say whether that went well."""
    try:
        # A loop and a connection of its own each time: the processes of the pool are forked from this one, and a loop
        # that lives on would be shared with them.
        chunks, webhooks = asyncio.run(_look(settings, worker.hostname))
        for job_id, numbers in chunks.items():
            send_chunks(worker.app, job_id, numbers)
            asyncio.run(_note(settings, job_id, numbers))
        for job_id in webhooks:
            send_announcement(worker.app, job_id)
    except ApiError as error:
        _log.error("sweep", extra={"reason": error.message})
    except Exception:  # noqa: BLE001 - of Celery, kombu or redis; the next sweep comes in a second
        _log.exception("sweep")
    else:
        return True
    return False


async def _look(settings: Settings, worker: str) -> tuple[dict[str, list[int]], list[str]]:
    store = store_of(settings, WORKER_S)
    try:
        await store.note_worker(worker)
        return await store.claim_all(), await store.due_webhooks()
    finally:
        await store.close()


async def _note(settings: Settings, job_id: str, chunks: list[int]) -> None:
    store = store_of(settings, WORKER_S)
    try:
        await store.sent(job_id, chunks)
    finally:
        await store.close()
