"""Locust's users: in a closed loop or an open one, each sends by the process's sender."""

import random
import ssl
import time
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, task
from locust.exception import StopTest

from loadgen.host import base_url
from loadgen.sender import Sender
from loadgen.settings import Settings


class ApiUser(FastHttpUser):
    """Has a session with the api; `configure` says which, and what is sent."""

    abstract = True
    rate: ClassVar[float]
    sender: ClassVar[Sender]

    @classmethod
    def configure(cls, settings: Settings, sender: Sender) -> None:
        """Set what all users share."""
        cls.rate, cls.sender = settings.rate, sender
        cls.host = settings.target
        cls.network_timeout = cls.connection_timeout = settings.timeout_s
        cls.default_headers = settings.headers()
        cls.insecure = settings.ca_file is None
        if settings.ca_file:

            def trusting(**_: object) -> ssl.SSLContext:
                # geventhttpclient's own context adds the system's CAs.
                return ssl.create_default_context(cafile=settings.ca_file)

            cls.ssl_context_factory = staticmethod(trusting)

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust has no types
        # Locust's page and its flag `--host` take any text.
        try:
            self.host = base_url(self.host or "")
        except ValueError as exc:
            raise StopTest(f"host: {exc}") from None
        super().__init__(environment)


class ClosedLoopUser(ApiUser):
    """A closed loop: sends the next request once the last one is answered, at most ``rate`` a second."""

    abstract = True

    def on_start(self) -> None:
        """Start after a random part of the period.

        Locust starts users in groups, which would send at the same moments ever after: its `constant_throughput`
        counts from the user's creation, whatever this method waits for.
        """
        gevent.sleep(random.uniform(0, 1 / self.rate))  # noqa: S311 - no secret depends on it
        self._due = time.monotonic()

    def wait_time(self) -> float:
        """Return the seconds until the next request is due; 0 where the last answer took longer than the period."""
        now = time.monotonic()
        self._due = max(self._due + 1 / self.rate, now)
        return self._due - now

    @task
    def ask(self) -> None:
        """Send a request."""
        self.sender.send(self.client)


class OpenLoopUser(ApiUser):
    """An open loop: sends at Poisson times of ``rate``, whether or not earlier requests were answered."""

    abstract = True
    concurrency = 20_000

    def on_start(self) -> None:
        """Start the schedule."""
        self._due = time.monotonic()

    @task
    def arrive(self) -> None:
        """Wait for the next arrival and send its request in a greenlet of its own."""
        self._due += random.expovariate(self.rate)
        gevent.sleep(max(0.0, self._due - time.monotonic()))
        gevent.spawn(self.sender.send, self.client)
