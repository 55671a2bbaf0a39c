"""Whether tritonserver's ports can be had: it says so itself, but after seconds and in many lines."""

import socket

from triton_runtime.errors import PortTaken
from triton_runtime.settings import Settings


def check_ports(settings: Settings) -> None:
    """Try every port.

    Raises:
        PortTaken: One is held by somebody else, or may not be had.
    """
    for name in ("http_port", "grpc_port", "metrics_port"):
        port = getattr(settings, name)
        host = settings.http_address() if name == "http_port" else settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as exc:
                raise PortTaken(
                    f"port {port} can't be had ({exc.strerror}): stop what holds it, or set TRITON_{name.upper()}"
                ) from exc
