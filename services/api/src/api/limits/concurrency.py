"""The concurrency limit of a worker, with the deadlines and disconnects of the requests in flight.

One timer a worker checks all of them, so that a request that is answered soon costs an entry in a dict: a timer of its
own would cost 1.4 µs, ``asyncio.timeout`` 4 µs, a task that waits for the disconnect 6 µs.
"""

import asyncio
from typing import NamedTuple

from starlette.types import Message, Receive, Scope

from api.errors import ApiError, ClientGone, DeadlineExceeded, Overloaded, PayloadTooLarge, RequestTimeout
from api.settings import Settings

# The age at which a request is first checked for a disconnect, and the period of the checks.
CHECK_PERIOD_S = 0.1


class Budget(NamedTuple):
    """What a request of one kind may take.

    Attributes:
        max_body_bytes: Most bytes of its body.
        timeout_s: Seconds that it has; it may ask for fewer.
        body_timeout_s: Seconds that its body may take to arrive.
        is_in_memory: Whether its body counts against the bytes that a worker holds.
    """

    max_body_bytes: int
    timeout_s: float
    body_timeout_s: float
    is_in_memory: bool = True


class ConcurrencyLimiter:
    """Bounds the requests in flight in one worker, and cancels late and abandoned ones; belongs to one event loop.

    Args:
        settings: The bounds on requests, bytes and time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots: dict[Slot, None] = {}  # in order of arrival
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, receive: Receive, body_bytes: int, timeout_s: float, budget: "Budget") -> "Slot":
        """Return a slot for the request that the current task serves; :meth:`leave` frees it.

        Args:
            receive: The ASGI callable of the request.
            body_bytes: Its length where it is known, else 0.
            timeout_s: Seconds that the request has, at most the budget's.
            budget: What requests of its kind may take.

        Raises:
            Overloaded: All slots are taken, or the bodies in memory are at their limit.
            PayloadTooLarge: The body is over its limit.
        """
        if len(self._slots) >= self._settings.max_in_flight:
            raise full()
        loop = asyncio.get_running_loop()
        slot = Slot(self, receive, loop.time(), timeout_s, budget)
        self.hold(slot, body_bytes)
        self._slots[slot] = None
        if timeout_s < max(budget.timeout_s, CHECK_PERIOD_S):
            slot.alarm = loop.call_later(timeout_s, slot.expire)
        if self._timer is None:
            self._timer = loop.call_later(CHECK_PERIOD_S, self._check)
        return slot

    def leave(self, slot: "Slot") -> None:
        """Free a slot."""
        del self._slots[slot]
        self._held_bytes -= slot.held_bytes
        if slot.alarm is not None:
            slot.alarm.cancel()

    def hold(self, slot: "Slot", total_bytes: int) -> None:
        """Count a request's body against the bytes of all bodies in memory.

        Raises:
            PayloadTooLarge: This body is over its limit.
            Overloaded: All bodies together are over theirs.
        """
        if total_bytes > slot.budget.max_body_bytes:
            raise PayloadTooLarge(f"The body is over {slot.budget.max_body_bytes} bytes.")
        if slot.budget.is_in_memory:
            self.count(slot, total_bytes)

    def count(self, slot: "Slot", total_bytes: int) -> None:
        """Count the bytes that a request holds, its body and what was unpacked from it.

        Raises:
            Overloaded: All requests together are over their limit.
        """
        more_bytes = total_bytes - slot.held_bytes
        if more_bytes > 0:
            if self._held_bytes + more_bytes > self._settings.max_held_bytes:
                raise full()
            self._held_bytes += more_bytes
            slot.held_bytes = total_bytes

    def _check(self) -> None:
        """Cancel late requests and those of disconnected clients; check again while any are in flight."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        next_check = now + CHECK_PERIOD_S
        for slot in self._slots:
            if slot.outcome is not None:
                continue
            if slot.due <= now:
                slot.expire()
                continue
            next_check = min(next_check, slot.due)
            if now - slot.arrived < CHECK_PERIOD_S:
                break  # all after it are younger
            if slot.is_abandoned():
                slot.give_up(ClientGone("The client has hung up."))
        self._timer = loop.call_at(next_check, self._check) if self._slots else None


class Slot:
    """One request in flight.

    Args:
        limiter: The limiter that the slot belongs to.
        receive: The ASGI callable of the request.
        arrived: Time of arrival by the event loop's clock.
        timeout_s: Seconds that the request has.
        budget: What requests of its kind may take.
    """

    __slots__ = ("_body_read", "_receive", "_seen_bytes", "_timeout_s", "alarm", "arrived", "budget",
                 "due", "held_bytes", "limiter", "outcome", "task")  # fmt: skip

    def __init__(
        self, limiter: ConcurrencyLimiter, receive: Receive, arrived: float, timeout_s: float, budget: Budget
    ) -> None:
        self.limiter = limiter
        self._receive = receive
        self._body_read = False
        self._seen_bytes = 0
        self.arrived = arrived
        self._timeout_s = timeout_s
        self.budget = budget
        self.due = arrived + min(timeout_s, budget.body_timeout_s)
        self.task = asyncio.current_task()
        self.held_bytes = 0
        self.alarm: asyncio.TimerHandle | None = None
        self.outcome: ApiError | None = None  # why it was cancelled

    async def receive(self) -> Message:
        """Pass on the next piece of the body, counting it.

        Raises:
            PayloadTooLarge, Overloaded: As :meth:`ConcurrencyLimiter.hold`.
            ClientGone: The client disconnected before the end of the body.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("The client has hung up.")
        self._seen_bytes += len(message.get("body", b""))
        if self._seen_bytes > self.held_bytes:
            self.limiter.hold(self, self._seen_bytes)
        if not message.get("more_body", False):
            self._body_read = True
            self.due = self.arrived + self._timeout_s
        return message

    def expire(self) -> None:
        """Cancel a request that is over its time: 408 if its body has not arrived, 504 otherwise.

        A request that asked for less time than its body may take gets 504 in both cases.
        """
        body_timeout_s = self.budget.body_timeout_s
        is_slow = not self._body_read and self._timeout_s >= body_timeout_s
        slow = RequestTimeout(f"The body wasn't there within {body_timeout_s:g} s.")
        self.give_up(slow if is_slow else late(self._timeout_s))

    def give_up(self, outcome: ApiError) -> None:
        """Cancel the task; its reason is left in ``outcome`` for the code that answers the request."""
        if self.outcome is None and self.task is not None:
            self.outcome = outcome
            self.task.cancel()

    def is_abandoned(self) -> bool:
        """Say whether the client has disconnected; polls the connection without waiting.

        Before the whole body has been read a poll could return a piece of it, so nothing is polled.
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


def hold(scope: Scope, total_bytes: int) -> None:
    """Count the bytes that a request holds beyond its body against those of all requests.

    Raises:
        Overloaded: They are over their limit.
    """
    slot: Slot | None = scope["state"].get("slot")
    if slot is not None:
        slot.limiter.count(slot, total_bytes)


def full() -> Overloaded:
    """Return the refusal of a request beyond the concurrency limit."""
    return Overloaded("The server is at its limit; try again in a second.", retry_after_s=1)


def late(timeout_s: float) -> DeadlineExceeded:
    """Return the error of a request over its deadline."""
    return DeadlineExceeded(f"There was no answer within the {timeout_s:g} s that this request had.")
