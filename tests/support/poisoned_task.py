"""A task that ends the process which works on it: what a crash in a decoder does."""

import os
import signal

from api.tasks.digits import Digits

POISON = b"poison"


class Poisoned(Digits):
    """Reads a digit, unless it is poisoned."""

    name, path = "poisoned", "/poisoned"

    async def prepare(self, data):
        if data == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().prepare(data)

    def routers(self):
        return ()
