"""Checks that the ports are free: tritonserver reports it only after seconds and in many lines."""

import socket

from triton_runtime.errors import PortTaken
from triton_runtime.settings import Settings


def check_ports(settings: Settings) -> None:
    """Bind every port for a moment.

    Raises:
        PortTaken: Another process holds a port, or this user may not bind it.
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
                reason = f"port {port} can't be bound ({exc.strerror})"
                raise PortTaken(f"{reason}: stop the process that holds it, or set TRITON_{name.upper()}") from exc
