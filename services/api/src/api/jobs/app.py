"""The worker: ``REMAP_SIGTERM=SIGQUIT celery -A api.jobs.app worker``. Settings are those of the api.

Celery reads ``REMAP_SIGTERM`` when it is imported, which is before this module. With it a SIGTERM, as Docker and
Kubernetes send it, begins the soft shutdown, which has an end; without it the worker finishes its chunks first.
https://docs.celeryq.dev/en/stable/userguide/workers.html#remap-sigterm
"""

import logging
import os

from celery.signals import setup_logging, worker_init, worker_process_init, worker_process_shutdown

from api.jobs.celery_app import ANNOUNCE, RUN, make_celery
from api.jobs.messages import send_chunks
from api.jobs.process import WorkerProcess
from api.jobs.sweep import sweep_with
from api.settings import load_settings
from api.tasks.base import Task
from api.tasks.registry import load_tasks
from api.telemetry import logs

settings = load_settings()
app = make_celery(settings)
app.steps["worker"].add(sweep_with(settings))
_tasks: list[Task] = []
_process: WorkerProcess | None = None


@setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
def _set_up_logging(**_: object) -> None:
    """Log as the api does; Celery leaves the log alone where this signal has a receiver."""
    logs.set_up(settings)
    if os.environ.get("REMAP_SIGTERM") != "SIGQUIT":
        logging.getLogger(__name__).warning("set REMAP_SIGTERM=SIGQUIT, or a stop by SIGTERM has no end in time")
    # Of each message two lines; the chunk's own says more.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)


@worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _load_tasks(**_: object) -> None:
    """Load the tasks before the fork, so that the processes share what they import; Flower needs none of it."""
    _tasks.extend(load_tasks(settings))


@worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def _open(**_: object) -> None:
    """Make the event loop and the connections of a process of the pool."""
    global _process  # noqa: PLW0603 - one a process, as Celery has it
    _process = WorkerProcess(settings, _tasks)


@worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def _close(**_: object) -> None:
    if _process is not None:
        _process.close()


def _opened() -> WorkerProcess:
    if _process is None:
        raise RuntimeError("jobs run in the processes of a prefork pool only: start the worker without --pool")
    return _process


@app.task(name=RUN)  # type: ignore[untyped-decorator]
def run(job_id: str, chunk: int) -> None:
    """Work on a chunk, and send the job's next ones."""
    process = _opened()
    following = process.run(process.chunks.work(job_id, chunk))
    if following:
        send_chunks(app, job_id, following)
        process.run(process.chunks.note_sent(job_id, following))


@app.task(name=ANNOUNCE)  # type: ignore[untyped-decorator]
def announce(job_id: str) -> None:
    """Announce the end of a job."""
    _opened().announce(job_id)
