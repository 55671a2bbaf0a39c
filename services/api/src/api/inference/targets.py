"""Triton's address as the settings write it, and the addresses of the replicas behind it."""

import asyncio
import re
import socket
from ipaddress import ip_address
from typing import NamedTuple

# gRPC's lists of addresses: https://github.com/grpc/grpc/blob/master/doc/naming.md
_LIST = re.compile(r"(ipv4|ipv6):(.+)")
# A name that the system resolves. One with a DNS server of its own, `dns://server/name`, is left to gRPC.
_NAME = re.compile(r"(?:dns:(?:///)?)?([^:/\[\],]+):(\d{1,5})")


class Target(NamedTuple):
    """Where the replicas are.

    Attributes:
        url: The address as it was given, a gRPC target.
        addresses: gRPC targets of the replicas, where the address lists them.
        host: A name whose addresses are the replicas; empty where there is none to resolve.
        port: Their port.
    """

    url: str
    addresses: tuple[str, ...] = ()
    host: str = ""
    port: int = 0

    async def resolve(self) -> tuple[str, ...]:
        """Return gRPC targets of the replicas; none where only gRPC can resolve the address.

        Raises:
            OSError: The name can't be resolved.
        """
        if not self.host:
            return self.addresses
        found = await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        numbers = sorted({(family, str(address[0])) for family, _, _, _, address in found})
        return tuple(
            f"ipv6:[{number}]:{self.port}" if family == socket.AF_INET6 else f"ipv4:{number}:{self.port}"
            for family, number in numbers
        )


def parse_target(url: str) -> Target:
    """Return the target that ``API_TRITON_URL`` names."""
    if listed := _LIST.fullmatch(url):
        parts = [part.strip() for part in listed[2].split(",")]
        return Target(url, tuple(dict.fromkeys(f"{listed[1]}:{part}" for part in parts if part)))
    named = _NAME.fullmatch(url)
    if named is None or _is_number(named[1]):
        return Target(url)
    return Target(url, host=named[1], port=int(named[2]))


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
