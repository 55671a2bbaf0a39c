"""A task that ends the process which works on it, as a crash in a decoder does, or that takes long."""

import os
import signal
import time

from api.tasks.digits import Digits

POISON = b"poison"
SLOW = b"slow"
# Beyond the worker's soft shutdown.
SLOW_S = 7


class Poisoned(Digits):
    """Reads a digit, unless it is poisoned; one that is slow is no image, too."""

    name, path = "poisoned", "/poisoned"

    async def prepare(self, data):
        if data == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if data == SLOW:
            time.sleep(SLOW_S)  # noqa: ASYNC251 - as a decoder would block
        return await super().prepare(data)

    def routers(self):
        return ()
