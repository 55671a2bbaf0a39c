"""Celery's consumer, which here outlives every loss of its connection."""

import logging
from typing import Any

from celery.worker import consumer

_log = logging.getLogger(__name__)


class Consumer(consumer.Consumer):  # type: ignore[misc]
    """Connects again where Celery's own one ends the worker.

    Where Redis is killed while messages are unacknowledged, kombu 5.7 gives them back, or acknowledges them later, over
    the connection that has just been closed. That raises an ``AttributeError``, which Celery 5.7 takes for an error
    that nothing helps against. The messages come back by themselves.
    """

    connection_errors: tuple[type[Exception], ...]

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 - as the base class has them
        super().__init__(*arguments, **more)
        self.connection_errors = (*self.connection_errors, AttributeError)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Clean up after a lost connection; Celery connects again after that."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception:  # noqa: BLE001 - see above
            _log.warning("the lost connection to Redis couldn't be closed", exc_info=True)
