"""gunicorn's configuration: ``gunicorn --config python:api.server.gunicorn_conf api.asgi:app``."""

import contextlib
import ctypes
import logging
import mmap
import os
import signal
from types import FrameType

from api.settings import load_settings

_settings = load_settings()
_settings.metrics_dir.mkdir(parents=True, exist_ok=True)
# prometheus_client reads this at import, so it is set before api.telemetry.metrics is imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_settings.metrics_dir))

from gunicorn.arbiter import Arbiter  # noqa: E402
from gunicorn.config import Config  # noqa: E402
from gunicorn.glogging import Logger  # noqa: E402
from gunicorn.workers.base import Worker  # noqa: E402
from prometheus_client import multiprocess  # noqa: E402

from api.server.redis_file import reload_once_there  # noqa: E402
from api.telemetry import logs, metrics  # noqa: E402

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.workers
worker_class = "api.server.worker.ApiWorker"
backlog = _settings.backlog
keepalive = _settings.keep_alive_s
# Longer than a graceful shutdown takes, so that gunicorn never kills a worker that is finishing its requests.
graceful_timeout = int(_settings.unready_s + _settings.drain_s) + 5
timeout = 30
# gunicorn's heartbeat files; on tmpfs, so that a slow disk gets no worker killed.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
accesslog = None
# The worker makes its own TLS context; gunicorn needs the files only to log https.
certfile, keyfile = (str(file) if file else None for file in (_settings.tls_cert_file, _settings.tls_key_file))
control_socket_disable = True

_M_MMAP_THRESHOLD = -3
_M_TRIM_THRESHOLD = -1
# One byte shared by the master and its workers: whether the master has been told to stop.
_stopping = mmap.mmap(-1, 1)


class RootLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger without handlers of its own, which it would add again at each ``HUP``."""

    def setup(self, cfg: Config) -> None:
        """Send all records to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = RootLogger


def on_starting(_server: Arbiter) -> None:
    """Set up the master's log and delete the counters of the last run."""
    logs.set_up(_settings)
    if warning := _settings.warning():
        logging.getLogger(__name__).warning(warning)
    metrics.clear(_settings.metrics_dir)


def when_ready(server: Arbiter) -> None:
    """Let the workers tell a stop of the whole api from being replaced: both reach them as the same signal."""

    def on_term(number: int, frame: FrameType | None) -> None:
        _stopping[0] = 1
        server.signal(number, frame)

    signal.signal(signal.SIGTERM, on_term)
    if _settings.redis_url is None and _settings.redis_url_file is not None:
        reload_once_there(_settings.redis_url_file)


def post_fork(_server: Arbiter, worker: Worker) -> None:
    """Give a worker access to that byte, and let it return freed memory to the system."""
    worker.is_api_stopping = lambda: _stopping[0] == 1
    _return_large_blocks()


def _return_large_blocks() -> None:
    """Make malloc return every block of over 1 MB to the system as soon as it is freed.

    glibc raises this threshold to the size of the block freed last, up to 32 MB, and the heap fragments after blocks of
    that size. Once a threshold is set, the one for the end of the heap stays at 128 kB: a body of 600 kB would be given
    back, and faulted in again, with each request. It is therefore set, too.
    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**20)
        libc.mallopt(_M_TRIM_THRESHOLD, 8 * 2**20)


def post_worker_init(_worker: Worker) -> None:
    """Set up a worker's log, after gunicorn's own."""
    logs.set_up(_settings)


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Remove a dead worker's live gauges from the sums."""
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
