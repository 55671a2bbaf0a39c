"""The graceful shutdown of a worker, as the app sees it: it serves on while clients move to other workers."""

from collections.abc import Callable


class Drain:
    """Whether this worker is stopping, and whether the whole api is.

    A worker that is replaced (``HUP``, ``TTOU``, ``max_requests``) closes its connections, while the api as a whole
    stays ready. Only a worker that stops together with all others is unready.
    """

    def __init__(self) -> None:
        self.is_leaving = False
        self._is_api_stopping: Callable[[], bool] = lambda: True

    def begin(self, is_api_stopping: Callable[[], bool]) -> None:
        """Close connections after their next answer from now on.

        Args:
            is_api_stopping: Says whether the other workers stop as well. Asked each time: a worker may get its signal
                before the master gets its own.
        """
        self._is_api_stopping = is_api_stopping
        self.is_leaving = True

    def is_unready(self) -> bool:
        """Say whether a load balancer should stop sending requests to this api."""
        return self.is_leaving and self._is_api_stopping()
