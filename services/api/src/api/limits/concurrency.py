"""The requests that a worker works on: how many at a time, until when, and whether anybody still waits for them.

One timer a worker looks after all of them. A request that is answered soon therefore pays for an entry in a dict and
nothing else: a timer of its own would cost 1.4 µs, ``asyncio.timeout`` 4 µs, a task that waits for the client's hang-up
6 µs.
"""

import asyncio

from starlette.types import Message, Receive

from api.errors import ApiError, ClientGone, DeadlineExceeded, Overloaded, PayloadTooLarge, RequestTimeout
from api.settings import Settings

# How old a request gets before anybody asks whether its client is still there, and how often that is asked again.
LOOK_S = 0.1


class ConcurrencyLimiter:
    """Bounds what one worker works on, and gives up what is late or abandoned; lives in one event loop.

    Args:
        settings: How many requests, how many bytes, how long.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._body_timeout_s = min(settings.client_timeout_s, settings.deadline_s)
        self._places: dict[Slot, None] = {}  # in order of arrival
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def is_full(self) -> bool:
        """Say whether the next request would be refused."""
        return len(self._places) >= self._settings.max_in_flight

    def enter(self, receive: Receive, body_bytes: int, timeout_s: float) -> "Slot":
        """Return a place for the request that the current task serves; :meth:`leave` gives it back.

        Args:
            receive: The request's body.
            body_bytes: Its length as far as it is known; 0 if it isn't.
            timeout_s: Seconds that the request has, at most the setting's.

        Raises:
            Overloaded: There is no room.
        """
        if self.is_full():
            raise full()
        loop = asyncio.get_running_loop()
        place = Slot(self, receive, loop.time(), timeout_s, self._body_timeout_s)
        self.hold(place, body_bytes)
        self._places[place] = None
        if timeout_s < max(self._settings.deadline_s, LOOK_S):
            place.alarm = loop.call_later(timeout_s, place.expire)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_S, self._look)
        return place

    def leave(self, place: "Slot") -> None:
        """Give a place back."""
        del self._places[place]
        self._held_bytes -= place.held_bytes
        if place.alarm is not None:
            place.alarm.cancel()

    def hold(self, place: "Slot", total_bytes: int) -> None:
        """Count a request's body against what the worker may hold.

        Raises:
            PayloadTooLarge: This body is over its ceiling.
            Overloaded: All bodies together are over theirs.
        """
        if total_bytes > self._settings.max_body_bytes:
            raise PayloadTooLarge(f"The body is over {self._settings.max_body_bytes} bytes.")
        more_bytes = total_bytes - place.held_bytes
        if more_bytes > 0:
            if self._held_bytes + more_bytes > self._settings.max_held_bytes:
                raise full()
            self._held_bytes += more_bytes
            place.held_bytes = total_bytes

    def _look(self) -> None:
        """Give up whoever is late or has nobody waiting for him; look again while anybody is here."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        next_look = now + LOOK_S
        for place in self._places:
            if place.outcome is not None:
                continue
            if place.due <= now:
                place.expire()
                continue
            next_look = min(next_look, place.due)
            if now - place.arrived < LOOK_S:
                break  # and so are all after it
            if place.is_abandoned():
                place.give_up(ClientGone("The client has hung up."))
        self._timer = loop.call_at(next_look, self._look) if self._places else None


class Slot:
    """One request among those that are worked on.

    Args:
        in_flight: Where the place is.
        receive: The request's body.
        arrived: When, in the event loop's time.
        timeout_s: Seconds that the request has.
        body_timeout_s: Seconds that its body may take to come.
    """

    __slots__ = ("_body_read", "_body_timeout_s", "_in_flight", "_receive", "_seen_bytes", "_timeout_s", "alarm",
                 "arrived", "due", "held_bytes", "outcome", "task")  # fmt: skip

    def __init__(
        self, in_flight: ConcurrencyLimiter, receive: Receive, arrived: float, timeout_s: float, body_timeout_s: float
    ) -> None:
        self._in_flight = in_flight
        self._receive = receive
        self._body_read = False
        self._seen_bytes = 0
        self.arrived = arrived
        self._timeout_s = timeout_s
        self._body_timeout_s = body_timeout_s
        self.due = arrived + min(timeout_s, body_timeout_s)
        self.task = asyncio.current_task()
        self.held_bytes = 0
        self.alarm: asyncio.TimerHandle | None = None
        self.outcome: ApiError | None = None  # why it was given up

    async def receive(self) -> Message:
        """Pass on the next piece of the body, counting it.

        Raises:
            PayloadTooLarge, Overloaded: As :meth:`ConcurrencyLimiter.hold`.
            ClientGone: The client hung up in the middle of it.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("The client has hung up.")
        self._seen_bytes += len(message.get("body", b""))
        if self._seen_bytes > self.held_bytes:
            self._in_flight.hold(self, self._seen_bytes)
        if not message.get("more_body", False):
            self._body_read = True
            self.due = self.arrived + self._timeout_s
        return message

    def expire(self) -> None:
        """Give up what took too long: the client its body, or we the answer; less time than usual is its own wish."""
        is_slow = not self._body_read and self._timeout_s >= self._body_timeout_s
        self.give_up(slow(self._body_timeout_s) if is_slow else late(self._timeout_s))

    def give_up(self, outcome: ApiError) -> None:
        """Cancel the work; whoever serves the request finds the reason in ``outcome``."""
        if self.outcome is None and self.task is not None:
            self.outcome = outcome
            self.task.cancel()

    def is_abandoned(self) -> bool:
        """Say whether the client has hung up: its connection is asked, and not waited for.

        Until the body has been read it isn't asked: it might answer with a piece of that.
        """
        if not self._body_read:
            return False
        answer = self._receive().__await__()
        try:
            next(answer)
        except StopIteration as answered:
            return bool(answered.value["type"] == "http.disconnect")
        answer.close()
        return False


def full() -> Overloaded:
    """Return the refusal of a request for which there is no room."""
    return Overloaded("The server is at its limit; try again in a second.", retry_after_s=1)


def late(timeout_s: float) -> DeadlineExceeded:
    """Return the end of a request that took too long."""
    return DeadlineExceeded(f"There was no answer within {timeout_s:g} s, which is what this request had.")


def slow(timeout_s: float) -> RequestTimeout:
    """Return the end of a request whose body took too long to come."""
    return RequestTimeout(f"The body wasn't there within {timeout_s:g} s.")
