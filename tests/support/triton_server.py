"""The real tritonserver, started by its launcher on free loopback ports."""

import sys
from pathlib import Path

from tests.support.process import Process, clean_env, free_port


class TritonServer(Process):
    """Starts ``python -m triton_runtime``; started again, it keeps its ports.

    Args:
        repository: The model repository.
        folder: For its log and its backends.
        settings: Further ``TRITON_*`` variables.
    """

    def __init__(self, repository: Path, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        http, grpc, metrics = (free_port() for _ in range(3))
        self.http_url = f"http://127.0.0.1:{http}"
        self.grpc_url = f"127.0.0.1:{grpc}"
        self.metrics_url = f"http://127.0.0.1:{metrics}"
        self.repository = repository
        defaults = {
            "TRITON_HTTP_PORT": str(http),
            "TRITON_GRPC_PORT": str(grpc),
            "TRITON_METRICS_PORT": str(metrics),
            "TRITON_MODEL_REPOSITORY": str(repository),
            "TRITON_RUN_DIR": str(folder / "run"),
            "TRITON_ADMIN_KEY": "key-of-the-tests",
            "TRITON_EXIT_TIMEOUT_S": "10",
        }
        env = clean_env(**(defaults | settings))
        self.admin_key = env["TRITON_ADMIN_KEY"]
        super().__init__([sys.executable, "-m", "triton_runtime"], folder / "triton.log", env, folder)

    def start(self) -> None:
        super().start()
        self.wait_for(f"{self.http_url}/v2/health/live", 90)
