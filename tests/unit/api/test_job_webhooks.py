"""Where webhooks may go, and how a receiver knows them."""

import base64
import hashlib
import hmac
import socket

import pytest

from api.errors import InvalidRequest
from api.jobs import webhook
from api.jobs.webhook import Target


@pytest.mark.parametrize(
    "url,target",
    [
        ("https://example.org", Target("https", "example.org", 443, "/")),
        ("http://example.org:8080/a/b?c=d#e", Target("http", "example.org", 8080, "/a/b?c=d")),
        ("https://[2606:4700::1]/x", Target("https", "2606:4700::1", 443, "/x")),
    ],
)
def test_a_url_is_taken_apart(url, target):
    assert webhook.target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.org",
        "https://example.org:99999",
        "https://example.org/\r\nhost: elsewhere",
        "https://exämple.org",
        "https://[::1",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_what_is_no_address_of_a_receiver_is_refused(url):
    with pytest.raises(InvalidRequest, match="webhook-url"):
        webhook.target_of(url)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"])
def test_addresses_of_the_internet_are_public(address):
    assert webhook.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_of_one_s_own_network_are_not(address):
    assert not webhook.is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"])
def test_a_name_of_a_private_address_is_refused_before_a_connection(host, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    target = webhook.target_of(f"http://{host}:9/x")
    with pytest.raises(webhook.Refused):
        webhook.post(target, b"{}", {}, may_be_private=False)


def test_one_private_address_among_others_is_refused_and_the_name_is_looked_up_once(monkeypatch):
    asked = []

    def look_up(host, port, **_):
        asked.append(host)
        return [(None, None, None, "", (each, port)) for each in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(webhook.Refused):
        webhook.post(webhook.target_of("http://two.example"), b"{}", {}, may_be_private=False)
    assert asked == ["two.example"]


def test_the_checked_address_is_connected_to(monkeypatch):
    connected = []

    def connect(address, timeout):
        connected.append((address, timeout))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(None, None, None, "", ("93.184.215.14", 443))])
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        webhook.post(webhook.target_of("https://one.example"), b"{}", {}, may_be_private=False)
    assert connected == [(("93.184.215.14", 443), webhook.TIMEOUT_S)]


def test_each_owner_has_a_secret_that_signs_id_time_and_body():
    secret = webhook.secret_of("owner", "of-the-operator-of-this-api")
    assert secret == webhook.secret_of("owner", "of-the-operator-of-this-api")
    assert secret != webhook.secret_of("another", "of-the-operator-of-this-api")
    headers = webhook.signed_headers("17", 1700000000, b'{"state":"done"}', secret)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, b'17.1700000000.{"state":"done"}', hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("17", "1700000000")
