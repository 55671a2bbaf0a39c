"""The gunicorn worker class: uvicorn with uvloop and httptools, and a drain that ends."""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from api.settings import Settings


class ApiWorker(UvicornWorker):  # type: ignore[misc]
    """Finishes what is in flight at a stop, for ``drain_s`` at most: gunicorn's time-out isn't passed on to uvicorn."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "httptools",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        # Nobody in front is trusted to say who the client is unless the deployment says so (FORWARDED_ALLOW_IPS).
        "proxy_headers": False,
        "timeout_graceful_shutdown": Settings().drain_s,
    }
