"""Where a version is served: the addresses of running Tritons, the admin key, and TLS."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path

from modelrepo.errors import ServingError

# gRPC's lists of addresses, each a replica: https://github.com/grpc/grpc/blob/master/doc/naming.md
_LIST = re.compile(r"ipv[46]:(.+)")


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
        url: ``host:port`` of Triton's gRPC port; a ``scheme://`` before it, as in ``dns:///``, is left out. Or a list
            of replicas such as ``ipv4:192.0.2.5:8001,192.0.2.6:8001``.
        admin_key: Key of the repository API, or None.
        timeout_s: Seconds that one Triton has to load a version and to be ready.
        tls: None connects without TLS.
    """

    url: str
    admin_key: str | None
    timeout_s: float
    tls: Tls | None = None

    def certificate_name(self, address: str) -> str:
        """Return the name that a replica's certificate must hold: the host's, or in a list its own address."""
        return _host_and_port(address if _LIST.fullmatch(self.url) else self.url)[0]

    def addresses(self) -> list[str]:
        """Return ``address:port`` of every replica behind the host's name; none if the name can't be resolved.

        Raises:
            ServingError: The address isn't ``host:port``.
        """
        if listed := _LIST.fullmatch(self.url):
            addresses = [part.strip() for part in listed[1].split(",")]
            for address in addresses:
                _host_and_port(address)
            return list(dict.fromkeys(addresses))
        host, port = _host_and_port(self.url)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror:
            return []
        numbers = dict.fromkeys(str(entry[4][0]) for entry in found)
        return [f"[{number}]:{port}" if ":" in number else f"{number}:{port}" for number in numbers]


def _host_and_port(url: str) -> tuple[str, int]:
    """Return both parts of an address.

    Raises:
        ServingError: One of them is missing, or the port isn't a number.
    """
    host, _, port = url.rpartition("//")[2].strip("/").rpartition(":")
    if not host or not port.isdecimal():
        raise ServingError(f"Triton's address {url!r} isn't host:port")
    return host.strip("[]"), int(port)
