"""What requests of each kind may take: bytes and time, by their path."""

from starlette.types import Scope

from api.errors import is_protocol
from api.limits.concurrency import Budget
from api.settings import Settings

_JOBS = "/jobs"
# The last piece of a stream that ends after its own time has to get through.
_STREAM_END_S = 10.0


class Budgets:
    """The budgets that follow from the settings.

    Args:
        settings: The limits.
    """

    def __init__(self, settings: Settings) -> None:
        body_timeout_s = min(settings.client_timeout_s, settings.deadline_s)
        self._usual = Budget(settings.max_body_bytes, settings.deadline_s, body_timeout_s)
        self._protocol = self._usual._replace(max_body_bytes=settings.v2_max_body_bytes)
        # Uploads lie on disk.
        upload_s = settings.jobs_upload_s
        self._upload = Budget(settings.jobs_max_body_bytes, upload_s, upload_s, is_in_memory=False)
        self._stream = self._usual._replace(timeout_s=settings.jobs_follow_s + _STREAM_END_S)

    def of(self, scope: Scope) -> Budget:
        """Return the budget of a request."""
        path: str = scope["path"]
        if not path.startswith(_JOBS):
            return self._protocol if is_protocol(path) else self._usual
        return self._upload if scope["method"] == "POST" else self._stream
