"""The Celery app, for the api that sends chunks and for the workers that answer them.

Celery only carries numbers of chunks. What a job is, and whether a chunk is done, is said by the records in Redis.
"""

from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue

from api.settings import Settings

CHUNKS, WEBHOOKS = "chunks", "webhooks"
RUN, ANNOUNCE = "jobs.run", "jobs.announce"
_SOCKET_TIMEOUT_S = 5.0
# A worker that has work waits all of it at a stop: long enough for most chunks, short beside a container's grace.
_SOFT_SHUTDOWN_S = 5.0
# Of a message that can't be sent.
_PUBLISH_RETRY = {"max_retries": 2, "interval_start": 0.05, "interval_step": 0.1, "interval_max": 0.2}


def make_celery(settings: Settings, *, socket_timeout_s: float = _SOCKET_TIMEOUT_S) -> Celery:
    """Return a Celery app that connects with its first message.

    Args:
        settings: The Redis, and the limits of a worker.
        socket_timeout_s: Seconds that Redis has for an answer.

    Raises:
        SystemExit: No Redis is set.
    """
    if settings.redis_url is None:
        raise SystemExit("API_REDIS_URL: jobs need a Redis; set it, as for the api")
    app = Celery("jobs", broker=settings.redis_url.get_secret_value())
    app.conf.update(_configuration(settings, socket_timeout_s))
    return app


def _configuration(settings: Settings, socket_timeout_s: float) -> dict[str, Any]:
    transport = {
        "global_keyprefix": "jobs:broker:",
        "queue_order_strategy": "round_robin",
        # A message that a worker took, and died before it began the chunk, comes back after this, or 5 s later.
        "visibility_timeout": settings.jobs_chunk_limit_s + 10,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "health_check_interval": 5,
        "socket_timeout": socket_timeout_s,
        "socket_connect_timeout": min(socket_timeout_s, 2.0),
        "socket_keepalive": True,
    }
    return {
        "task_queues": [_queue(CHUNKS), _queue(WEBHOOKS)],
        "task_default_queue": CHUNKS,
        "task_default_exchange": "jobs",
        "task_default_routing_key": CHUNKS,
        "task_routes": {ANNOUNCE: {"queue": WEBHOOKS, "routing_key": WEBHOOKS}},
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,  # the attempts are bounded by the records
        "task_time_limit": settings.jobs_chunk_limit_s,
        "task_publish_retry_policy": _PUBLISH_RETRY,
        "broker_transport_options": transport,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 2.0,
        "worker_consumer": "api.jobs.consumer:Consumer",
        "worker_concurrency": settings.jobs_concurrency,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_soft_shutdown_timeout": _SOFT_SHUTDOWN_S,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "event_queue_prefix": "celeryev",
        "control_queue_expires": 60.0,
        "enable_utc": True,
    }


def _queue(name: str) -> Queue:
    """Return a queue with a routing key of its own: with the default one every message would reach every queue."""
    return Queue(name, Exchange("jobs"), routing_key=name)  # type: ignore[no-untyped-call]
