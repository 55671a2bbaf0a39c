"""The messages that Celery carries."""

from collections.abc import Sequence

from celery import Celery

from api.jobs.celery_app import ANNOUNCE, RUN


def send_chunks(app: Celery, job_id: str, chunks: Sequence[int]) -> None:
    """Put chunks of a job into the queue.

    Raises:
        kombu.exceptions.OperationalError: Redis doesn't answer, also not to a few more tries.
    """
    with app.producer_or_acquire() as producer:
        for chunk in chunks:
            app.send_task(RUN, args=[job_id, chunk], producer=producer, ignore_result=True)


def send_announcement(app: Celery, job_id: str) -> None:
    """Have the end of a job announced.

    Raises:
        kombu.exceptions.OperationalError: As `send_chunks`.
    """
    app.send_task(ANNOUNCE, args=[job_id], ignore_result=True)
