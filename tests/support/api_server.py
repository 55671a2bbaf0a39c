"""The real api: gunicorn with its workers, on a free loopback port."""

from pathlib import Path

from tests.support.process import BIN, Process, clean_env, free_port


class ApiServer(Process):
    """Starts ``gunicorn``; ``with ApiServer(folder, triton_url) as api: api.url``.

    Args:
        folder: For its log and its counters.
        triton_url: Triton's gRPC address.
        settings: Further ``API_*`` variables.
    """

    def __init__(self, folder: Path, triton_url: str, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"{'https' if 'API_TLS_CERT_FILE' in settings else 'http'}://127.0.0.1:{self.port}"
        defaults = {"API_WORKERS": "2", "API_READY_TTL_S": "0.2"}
        env = clean_env(API_PORT=str(self.port), API_TRITON_URL=triton_url, **(defaults | settings))
        argv = [str(BIN / "gunicorn"), "--config", "python:api.server.gunicorn_conf", "api.asgi:app"]
        super().__init__(argv, folder / "api.log", env, folder)

    def start(self) -> None:
        super().start()
        self.wait_for(f"{self.url}/health/live")

    def wait_ready(self, within_s: float = 60) -> float:
        return self.wait_for(f"{self.url}/health/ready", within_s)
