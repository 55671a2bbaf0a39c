import socket

import pytest

from modelrepo import target
from modelrepo.errors import ServingError
from modelrepo.target import Target


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("triton:8001", ["10.0.0.1:8001", "10.0.0.2:8001", "[fd00::1]:8001"]),
        ("dns:///triton:8001", ["10.0.0.1:8001", "10.0.0.2:8001", "[fd00::1]:8001"]),
        ("unknown:8001", []),
    ],
)
def test_a_name_stands_for_all_its_addresses(monkeypatch: pytest.MonkeyPatch, url: str, expected: list[str]) -> None:
    def resolve(host: str, port: int, **kwargs: object) -> list[tuple[object, ...]]:
        if host != "triton":
            raise socket.gaierror
        return [(None, None, None, "", (ip, port)) for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "fd00::1")]

    monkeypatch.setattr(target.socket, "getaddrinfo", resolve)
    assert Target(url, None, 5.0).addresses() == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ipv4:127.0.0.1:1, 127.0.0.1:2,127.0.0.1:1", ["127.0.0.1:1", "127.0.0.1:2"]),
        ("ipv6:[::1]:1,[::2]:1", ["[::1]:1", "[::2]:1"]),
    ],
)
def test_a_list_names_every_replica(url: str, expected: list[str]) -> None:
    assert Target(url, None, 5.0).addresses() == expected


def test_a_certificate_holds_the_host_s_name_or_a_listed_address() -> None:
    assert Target("dns:///triton:8001", None, 5.0).certificate_name("10.0.0.1:8001") == "triton"
    assert Target("ipv6:[::1]:1,[::2]:1", None, 5.0).certificate_name("[::2]:1") == "::2"


@pytest.mark.parametrize("url", ["triton", "triton:", ":8001", "triton:http", "ipv4:10.0.0.1:8001,10.0.0.2"])
def test_an_address_without_a_port_is_refused(url: str) -> None:
    with pytest.raises(ServingError, match="isn't host:port"):
        Target(url, None, 5.0).addresses()
