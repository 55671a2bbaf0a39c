"""Concurrency limit and deadlines: how many requests a worker serves at a time, for how long, and for a live client.

One timer a worker checks all of them, so that a request that is answered soon costs an entry in a dict and no more: a
timer of its own would cost 1.4 µs, ``asyncio.timeout`` 4 µs, a task that waits for the client's hang-up 6 µs.
"""

import asyncio

from starlette.types import Message, Receive

from api.errors import ApiError, ClientGone, DeadlineExceeded, Overloaded, PayloadTooLarge, RequestTimeout
from api.settings import Settings

# How old a request gets before its connection is checked, and how often that is checked again.
CHECK_S = 0.1


class ConcurrencyLimiter:
    """Bounds what one worker serves, and cancels what is late or abandoned; lives in one event loop.

    Args:
        settings: How many requests, how many bytes, how long.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._body_timeout_s = min(settings.client_timeout_s, settings.deadline_s)
        self._slots: dict[Slot, None] = {}  # in order of arrival
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def is_full(self) -> bool:
        """Say whether the next request would be refused."""
        return len(self._slots) >= self._settings.max_in_flight

    def enter(self, receive: Receive, body_bytes: int, timeout_s: float) -> "Slot":
        """Return a slot for the request that the current task serves; :meth:`leave` gives it back.

        Args:
            receive: The request's body.
            body_bytes: Its length if it is declared, else 0.
            timeout_s: Seconds that the request has, at most the setting's.

        Raises:
            Overloaded: The worker is at its limit.
        """
        if self.is_full():
            raise at_limit()
        loop = asyncio.get_running_loop()
        slot = Slot(self, receive, loop.time(), timeout_s, self._body_timeout_s)
        self.hold(slot, body_bytes)
        self._slots[slot] = None
        if timeout_s < max(self._settings.deadline_s, CHECK_S):
            slot.alarm = loop.call_later(timeout_s, slot.expire)
        if self._timer is None:
            self._timer = loop.call_later(CHECK_S, self._check)
        return slot

    def leave(self, slot: "Slot") -> None:
        """Give a slot back."""
        del self._slots[slot]
        self._held_bytes -= slot.held_bytes
        if slot.alarm is not None:
            slot.alarm.cancel()

    def hold(self, slot: "Slot", total_bytes: int) -> None:
        """Count a request's body against what the worker may hold.

        Raises:
            PayloadTooLarge: This body is over its limit.
            Overloaded: All bodies together are over theirs.
        """
        if total_bytes > self._settings.max_body_bytes:
            raise PayloadTooLarge(f"The body is over {self._settings.max_body_bytes} bytes.")
        more_bytes = total_bytes - slot.held_bytes
        if more_bytes > 0:
            if self._held_bytes + more_bytes > self._settings.max_held_bytes:
                raise at_limit()
            self._held_bytes += more_bytes
            slot.held_bytes = total_bytes

    def _check(self) -> None:
        """Cancel requests that are late or abandoned; check again while there are any."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        next_check = now + CHECK_S
        for slot in self._slots:
            if slot.outcome is not None:
                continue
            if slot.due <= now:
                slot.expire()
                continue
            next_check = min(next_check, slot.due)
            if now - slot.arrived < CHECK_S:
                break  # and so are all after it
            if slot.is_abandoned():
                slot.give_up(ClientGone("The client has hung up."))
        self._timer = loop.call_at(next_check, self._check) if self._slots else None


class Slot:
    """One request that is being served.

    Args:
        limiter: What it counts against.
        receive: The request's body.
        arrived: When it came, in the event loop's time.
        timeout_s: Seconds that the request has.
        body_timeout_s: Seconds that its body may take to come.
    """

    __slots__ = ("_body_read", "_body_timeout_s", "_limiter", "_receive", "_seen_bytes", "_timeout_s", "alarm",
                 "arrived", "due", "held_bytes", "outcome", "task")  # fmt: skip

    def __init__(
        self, limiter: ConcurrencyLimiter, receive: Receive, arrived: float, timeout_s: float, body_timeout_s: float
    ) -> None:
        self._limiter = limiter
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
        self.outcome: ApiError | None = None  # why it was cancelled

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
            self._limiter.hold(self, self._seen_bytes)
        if not message.get("more_body", False):
            self._body_read = True
            self.due = self.arrived + self._timeout_s
        return message

    def expire(self) -> None:
        """End a request that is over its time: 408 if its body has not arrived, 504 otherwise.

        A request that asked for less time than its body may take gets 504 in either case.
        """
        is_slow = not self._body_read and self._timeout_s >= self._body_timeout_s
        self.give_up(slow(self._body_timeout_s) if is_slow else late(self._timeout_s))

    def give_up(self, outcome: ApiError) -> None:
        """Cancel the request's task; its handler finds the reason in ``outcome``."""
        if self.outcome is None and self.task is not None:
            self.outcome = outcome
            self.task.cancel()

    def is_abandoned(self) -> bool:
        """Say whether the client has hung up, without waiting.

        Until the body has been read the connection can't be asked: it might answer with a piece of that.
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


def at_limit() -> Overloaded:
    """Return the refusal of a request beyond the limit."""
    return Overloaded("The server is at its limit; try again in a second.", retry_after_s=1)


def late(timeout_s: float) -> DeadlineExceeded:
    """Return the error of a request that is over its time."""
    return DeadlineExceeded(f"There was no answer within the {timeout_s:g} s that this request had.")


def slow(timeout_s: float) -> RequestTimeout:
    """Return the error of a request whose body is over its time."""
    return RequestTimeout(f"The body wasn't there within {timeout_s:g} s.")
