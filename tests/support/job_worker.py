"""The real worker of the jobs: Celery with its pool of processes."""

from pathlib import Path

from redis import Redis

from tests.support.process import BIN, Process, clean_env, wait_until


class JobWorker(Process):
    """Starts ``celery -A api.jobs.app worker``; ``with JobWorker(folder, redis_url, triton_url)``.

    Args:
        folder: For its log.
        redis_url: The Redis of the jobs.
        triton_url: Triton's gRPC address.
        name: Distinguishes workers of one machine.
        settings: Further ``API_*`` variables.
    """

    def __init__(self, folder: Path, redis_url: str, triton_url: str, name: str = "one", **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self._redis = f"{name}@tests", Redis.from_url(redis_url)
        defaults = {"API_JOBS_CONCURRENCY": "2", "API_LOG_FORMAT": "text", "REMAP_SIGTERM": "SIGQUIT"}
        env = clean_env(API_REDIS_URL=redis_url, API_TRITON_URL=triton_url, **(defaults | settings))
        argv = [str(BIN / "celery"), "-A", "api.jobs.app", "worker", "--hostname", self.name]
        super().__init__(argv, folder / f"worker-{name}.log", env, folder)

    def start(self) -> None:
        self._redis.delete(f"jobs:worker:{self.name}")  # of one that was killed a moment ago
        super().start()
        self.wait_ready()

    def wait_ready(self, within_s: float = 60) -> float:
        """Wait until it looks after the jobs."""

        def condition() -> bool:
            if not self.is_running():
                raise RuntimeError(f"the worker ended:\n{self.tail()}")
            return bool(self._redis.exists(f"jobs:worker:{self.name}"))

        return wait_until(condition, within_s, f"the worker\n{self.tail()}")

    def pool(self) -> list[int]:
        """Return the ids of the processes that work on chunks."""
        return [pid for pid in self.group() if pid != self.pid]
