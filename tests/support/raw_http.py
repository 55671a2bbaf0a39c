"""HTTP as no client library would send it, and the answers to it."""

import contextlib
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple, Self


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """A connection on which anything may be sent.

    Args:
        port: On loopback.
        timeout_s: Seconds that anything may take.
    """

    def __init__(self, port: int, timeout_s: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, pieces: bytes | Iterable[bytes], pause_s: float = 0) -> bool:
        """Send piece by piece; say whether the server took everything."""
        try:
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                self.socket.sendall(piece)
                time.sleep(pause_s)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Say that nothing more comes; answers are still read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def read(self, method: str = "GET") -> Answer | None:
        """Return the next response, or None if the server has hung up.

        Args:
            method: What was asked with; an answer to HEAD has no body.

        Raises:
            TimeoutError: None came.
        """
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                assert not self._received, f"an answer that was cut short: {self._received!r}"
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = first.split(" ", 2)[:2]
        assert version == "HTTP/1.1", first
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if status.startswith("1"):
            return self.read(method)
        length = 0 if method == "HEAD" or status in ("204", "304") else int(headers["content-length"])
        while len(self._received) < length:
            assert self._more(), "an answer that was cut short"
        body, self._received = self._received[:length], self._received[length:]
        return Answer(int(status), headers, body)

    def read_all(self) -> list[Answer]:
        """Return every response until the server hangs up."""
        answers = []
        while (answer := self.read()) is not None:
            answers.append(answer)
        return answers

    def _more(self) -> bool:
        try:
            piece = self.socket.recv(65536)
        except ConnectionError:
            return False
        self._received += piece
        return bool(piece)


def request(method: str = "POST", path: str = "/predict", body: bytes = b"", **headers: str) -> bytes:
    """Return a request as it goes over the wire; ``content_type=`` becomes ``content-type``."""
    fields = {"host": "api"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if body and "content-length" not in fields:
        fields["content-length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
