"""A real redis-server on a free loopback port, where this machine has the program."""

import shutil
import signal
from pathlib import Path

from redis import Redis, RedisError

from tests.support.process import Process, clean_env, free_port, wait_until
from tests.support.required import skip_or_fail

NEEDS = "install Debian's package redis-server"


class RedisServer(Process):
    """Starts ``redis-server``; ``with RedisServer(folder) as server: server.url``; started again, it keeps its port.

    Skips the test where there is no such program, or fails where it was promised.

    Args:
        folder: For its log, and its append-only file.
        password: What clients have to give; none if empty.
        is_durable: Whether it has an append-only file, as in Compose.
    """

    def __init__(self, folder: Path, password: str = "", *, is_durable: bool = False) -> None:
        program = shutil.which("redis-server")
        if program is None:
            reason = f"redis-server isn't on the path: {NEEDS}"
            skip_or_fail("REDIS", reason)
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://:{password}@127.0.0.1:{self.port}/0" if password else f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url, decode_responses=True)
        argv = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        argv += ["--appendonly", "yes" if is_durable else "no", "--dir", str(folder)]
        argv += ["--requirepass", password] if password else []
        super().__init__(argv, folder / "redis.log", clean_env(), folder)

    def start(self) -> None:
        super().start()
        wait_until(self._answers, 10, "redis-server")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def hang(self) -> None:
        """Stop it, so that it neither answers nor closes connections."""
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        self.send(signal.SIGCONT)
