"""Where a version is served: the addresses of running Tritons, the admin key, and TLS."""

import socket
from dataclasses import dataclass
from pathlib import Path

from modelrepo.errors import ServingError


@dataclass(frozen=True)
class Tls:
    """The files of a TLS connection to Triton, all PEM.

    Args:
        ca_file: CAs that Triton's certificate is checked against.
        cert_file: Client certificate, or None.
        key_file: Private key of the client certificate, or None.
    """

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class Target:
    """The Tritons that serve a repository.

    Args:
        url: ``host:port`` of Triton's gRPC port; a ``scheme://`` before it, as in ``dns:///``, is left out.
        admin_key: Key of the repository API, or None.
        timeout_s: Seconds that one Triton has to load a version and to be ready.
        tls: None connects without TLS.
    """

    url: str
    admin_key: str | None
    timeout_s: float
    tls: Tls | None = None

    def host_and_port(self) -> tuple[str, int]:
        """Return both parts of the address.

        Raises:
            ServingError: One of them is missing, or the port isn't a number.
        """
        host, _, port = self.url.rpartition("//")[2].strip("/").rpartition(":")
        if not host or not port.isdecimal():
            raise ServingError(f"Triton's address {self.url!r} isn't host:port")
        return host.strip("[]"), int(port)

    def addresses(self) -> list[str]:
        """Return ``address:port`` of every replica behind the host's name; none if the name can't be resolved.

        Raises:
            ServingError: The address isn't ``host:port``.
        """
        host, port = self.host_and_port()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror:
            return []
        numbers = dict.fromkeys(str(entry[4][0]) for entry in found)
        return [f"[{number}]:{port}" if ":" in number else f"{number}:{port}" for number in numbers]
