import asyncio
import socket

import pytest

from api.inference.targets import Target, parse_target


@pytest.mark.parametrize(
    "url,target",
    [
        ("127.0.0.1:8001", Target("127.0.0.1:8001")),
        ("[::1]:8001", Target("[::1]:8001")),
        ("triton:8001", Target("triton:8001", host="triton", port=8001)),
        ("dns:///triton.ns.svc:8001", Target("dns:///triton.ns.svc:8001", host="triton.ns.svc", port=8001)),
        ("dns:triton:8001", Target("dns:triton:8001", host="triton", port=8001)),
        ("ipv4:10.0.0.1:1, 10.0.0.2:2", Target("ipv4:10.0.0.1:1, 10.0.0.2:2", ("ipv4:10.0.0.1:1", "ipv4:10.0.0.2:2"))),
        ("ipv6:[::1]:1,[::2]:1", Target("ipv6:[::1]:1,[::2]:1", ("ipv6:[::1]:1", "ipv6:[::2]:1"))),
        # Only gRPC can resolve these.
        ("dns://10.0.0.53/triton:8001", Target("dns://10.0.0.53/triton:8001")),
        ("unix:/run/triton.sock", Target("unix:/run/triton.sock")),
        ("triton", Target("triton")),
    ],
)
def test_an_address_is_read(url: str, target: Target):
    assert parse_target(url) == target


async def test_a_name_has_the_addresses_that_the_system_finds(monkeypatch):
    async def getaddrinfo(*_: object, **__: object):
        found = [(socket.AF_INET6, "::2"), (socket.AF_INET, "10.0.0.2"), (socket.AF_INET, "10.0.0.1")]
        return [(family, socket.SOCK_STREAM, 6, "", (number, 8001)) for family, number in [*found, *found]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    found = await parse_target("triton:8001").resolve()
    assert found == ("ipv4:10.0.0.1:8001", "ipv4:10.0.0.2:8001", "ipv6:[::2]:8001")


async def test_what_needs_no_resolving_is_not_resolved():
    assert await parse_target("127.0.0.1:8001").resolve() == ()
    assert await parse_target("ipv4:10.0.0.1:1,10.0.0.2:1").resolve() == ("ipv4:10.0.0.1:1", "ipv4:10.0.0.2:1")
