"""Sends the numbers of chunks to the workers, from the api's event loop."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from api.settings import Settings
from api.telemetry.logs import OnceAMinute

if TYPE_CHECKING:
    from celery import Celery

_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())
_SOCKET_TIMEOUT_S = 0.5
# A request waits no longer; what isn't in the queue by then, a worker puts there.
_WAIT_S = 1.5


class Publisher:
    """Sends on a thread; Celery is imported with the first message: 0.3 s and 11 MB.

    Args:
        settings: The Redis.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._celery: Celery | None = None
        self._thread = ThreadPoolExecutor(1, "publish")

    async def send(self, job_id: str, chunks: Sequence[int]) -> bool:
        """Send chunks; say whether they are in the queue, or False where that isn't known in time."""
        sending = asyncio.get_running_loop().run_in_executor(self._thread, self._send, job_id, chunks)
        try:
            async with asyncio.timeout(_WAIT_S):
                return await asyncio.shield(sending)
        except TimeoutError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _send(self, job_id: str, chunks: Sequence[int]) -> bool:
        from api.jobs.celery_app import make_celery  # noqa: PLC0415 - see above
        from api.jobs.messages import send_chunks  # noqa: PLC0415

        try:
            if self._celery is None:
                self._celery = make_celery(self._settings, socket_timeout_s=_SOCKET_TIMEOUT_S)
            send_chunks(self._celery, job_id, chunks)
        except Exception as failure:  # noqa: BLE001 - of Celery, kombu or redis; there is a way without
            _log.error("a job waits for a worker's sweep", extra={"job": job_id, "reason": str(failure)})
            return False
        return True
