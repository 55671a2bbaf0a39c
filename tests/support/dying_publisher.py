"""An api that is killed as soon as it has stored a job, before it can send it: named in ``API_TASKS``, it is so."""

import os
import signal
from collections.abc import Sequence

from api.jobs.publisher import Publisher
from api.tasks.digits import Digits


async def _die(_self: Publisher, _job_id: str, _chunks: Sequence[int]) -> bool:
    os.killpg(0, signal.SIGKILL)
    return False


class Dying(Digits):
    """Reads digits."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)
        Publisher.send = _die
