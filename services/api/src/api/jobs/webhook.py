"""Signed announcements of a job's end, as https://www.standardwebhooks.com describes them."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from typing import NamedTuple
from urllib.parse import urlsplit

from api.errors import InvalidRequest

TIMEOUT_S = 5.0
# For all of an answer: a receiver that sends a byte now and then would never run into the time-out of one step.
_ANSWER_S = 10.0
# Pauses before the next attempts; after the last one it is given up.
PAUSES_S = (2, 10, 60, 300, 1800)
_MAX_URL = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443}
# All IPv6 addresses of the Internet; beside them lie those that a host or a site uses by itself.
# https://www.iana.org/assignments/ipv6-address-space
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# IPv6 addresses that stand for IPv4 ones behind a translator: https://www.rfc-editor.org/rfc/rfc6052
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """The receiver's address isn't one that webhooks may go to."""


class Target(NamedTuple):
    """Where a webhook goes."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """Return the parts of a webhook's URL.

    Raises:
        InvalidRequest: It is none that can be called.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise InvalidRequest("webhook-url: it is no URL.") from exc
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or len(url) > _MAX_URL or not url.isascii():
        raise InvalidRequest("webhook-url: send an http or https URL, in ASCII.")
    if parts.username is not None or any(ord(char) <= ord(" ") for char in url):
        raise InvalidRequest("webhook-url: send it without a user, and without spaces.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], path)


def secret_of(owner: str, secret: str) -> str:
    """Return the secret that signs an owner's webhooks, which only the owner is told."""
    return "whsec_" + base64.b64encode(hmac.digest(secret.encode(), owner.encode(), "sha256")).decode()


def signed_headers(message_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers that let a receiver check where a webhook comes from, and when it was sent."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "stack-api",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def post(target: Target, body: bytes, headers: dict[str, str], *, may_be_private: bool) -> int:
    """Send a webhook and return the status of the answer; redirections aren't followed.

    The name is looked up once, and the address that was checked is the one that is connected to.

    Raises:
        Refused: The name stands for an address that webhooks may not go to.
        OSError, http.client.HTTPException: There was no answer.
    """
    address = _address_of(target, may_be_private=may_be_private)
    connection = _connection(target, address)
    limit = threading.Timer(_ANSWER_S, _shut_down, [connection.sock])
    limit.start()
    try:
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        connection.request("POST", target.path, body, {"host": _host_header(target), **headers})
        return connection.getresponse().status
    finally:
        limit.cancel()
        connection.close()


def _shut_down(opened: socket.socket) -> None:
    """End a connection, so that the thread that reads from it finds its end."""
    with contextlib.suppress(OSError):  # it is closed already
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # TLS' own one would wait for the other thread


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the open Internet."""
    number = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(number, ipaddress.IPv6Address):
        embedded = number.ipv4_mapped or number.sixtofour or (number.teredo[1] if number.teredo else None)
        if embedded is not None:
            return is_public(str(embedded))
        if number in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(number.packed[-4:])))
        if number not in _GLOBAL_UNICAST:
            return False
    return number.is_global and not number.is_multicast and not number.is_reserved


def _address_of(target: Target, *, may_be_private: bool) -> str:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not may_be_private and not all(is_public(address) for address in addresses):
        raise Refused(f"{target.host} stands for an address that is loopback, link-local or private")
    return addresses[0]


def _connection(target: Target, address: str) -> http.client.HTTPConnection:
    """Return a connection to the address; over TLS the handshake, which checks the name's certificate, comes later."""
    opened = socket.create_connection((address, target.port), TIMEOUT_S)
    try:
        if target.scheme == "https":
            context = ssl.create_default_context()
            opened = context.wrap_socket(opened, server_hostname=target.host, do_handshake_on_connect=False)
    except BaseException:
        opened.close()
        raise
    connection = http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT_S)
    connection.sock = opened
    return connection


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == _DEFAULT_PORTS[target.scheme] else f"{host}:{target.port}"
