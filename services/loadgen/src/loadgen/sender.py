"""What the users send: anything that sends one request and accounts for its answer."""

from typing import Protocol

from locust.contrib.fasthttp import FastHttpSession


class Sender(Protocol):
    """Sends requests of one kind; the users of a process share it."""

    def send(self, session: FastHttpSession) -> None:
        """Send one request, and count its answer as a success or a failure."""
