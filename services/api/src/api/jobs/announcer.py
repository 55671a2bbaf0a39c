"""Announces the end of jobs to the webhooks that they name."""

import asyncio
import http.client
import logging
import time

from api.jobs import webhook
from api.jobs.record import Job
from api.jobs.redis_client import WORKER_S
from api.jobs.service import store_of
from api.jobs.store import Store
from api.settings import Settings

_log = logging.getLogger(__name__)
_OK = range(200, 300)


def announce(settings: Settings, job_id: str) -> None:
    """Announce the end of a job; blocks.

    Args:
        settings: Where the jobs are, the secret, and whether private addresses are allowed.
        job_id: The job.
    """
    try:
        asyncio.run(_announce(settings, job_id))
    except Exception:  # noqa: BLE001 - the thread's boundary; it is announced again
        _log.exception("webhook")


async def _announce(settings: Settings, job_id: str) -> None:
    store = store_of(settings, WORKER_S)
    try:
        await Announcer(store, settings).announce(job_id)
    finally:
        await store.close()


class Announcer:
    """Sends webhooks, and notes how that went.

    Args:
        store: The jobs.
        settings: The secret, and whether private addresses are allowed.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def announce(self, job_id: str) -> None:
        """Send the webhook of a job that has ended; where that fails, it is tried again later."""
        job = await self._store.job(job_id)
        secret = self._settings.jobs_webhook_secret
        if job is None or job.is_open() or not job.webhook or job.webhook_state in ("delivered", "failed"):
            return
        attempts = job.webhook_attempts + 1
        reason = "no secret is set" if secret is None else await self._send(job, secret.get_secret_value())
        fields = {"job": job_id, "attempts": attempts, "reason": reason}
        if reason is None:
            state, pause_s = "delivered", None
        elif attempts <= len(webhook.PAUSES_S):
            state, pause_s = "pending", webhook.PAUSES_S[attempts - 1]
        else:
            state, pause_s = "failed", None
        _log.log(logging.INFO if reason is None else logging.WARNING, "webhook", extra={"fields": fields})
        await self._store.note_webhook(job_id, state, attempts, pause_s)

    async def _send(self, job: Job, secret: str) -> str | None:
        """Send the webhook; return what went wrong, or None."""
        body = job.answer().model_dump_json(exclude={"webhook", "webhook_secret"}).encode()
        headers = webhook.signed_headers(job.id, int(time.time()), body, webhook.secret_of(job.owner, secret))
        may_be_private = self._settings.jobs_webhook_private
        try:
            target = webhook.target_of(job.webhook)
            status = await asyncio.to_thread(webhook.post, target, body, headers, may_be_private=may_be_private)
        except (OSError, http.client.HTTPException, webhook.Refused) as exc:
            return str(exc) or type(exc).__name__
        return None if status in _OK else f"status {status}"
