"""A worker's way out: for a moment it serves on, while everybody is told to go elsewhere."""

from collections.abc import Callable


class Drain:
    """Whether this worker is leaving, and whether the whole api is.

    A worker that others take over from (``HUP``, ``TTOU``, ``max_requests``) sends its clients away, but the api as a
    whole is as ready as before. Only one that stops with all others says that it isn't ready.
    """

    def __init__(self) -> None:
        self.is_leaving = False
        self._is_api_stopping: Callable[[], bool] = lambda: True

    def begin(self, is_api_stopping: Callable[[], bool]) -> None:
        """Send clients away from now on.

        Args:
            is_api_stopping: Says whether the other workers stop as well. Asked anew each time: a worker may get its
                signal a moment before the master gets its own.
        """
        self._is_api_stopping = is_api_stopping
        self.is_leaving = True

    def is_unready(self) -> bool:
        """Say whether a load balancer should send nothing more to this api."""
        return self.is_leaving and self._is_api_stopping()
