"""How long the calls of each kind of calls took of late."""

# The longest time is forgotten by so much with each call, so that it halves in 70.
_DECAY = 0.99
# A call may take so many times as long as the longest of late, before another replica is asked.
_FACTOR = 2.0
# Seconds for a kind of which no call has been answered yet.
_UNSEEN_S = 1.0


class Latencies:
    """The longest call of each model or other kind, with the older ones counting less."""

    def __init__(self) -> None:
        self._longest_s: dict[str, float] = {}

    def add(self, kind: str, took_s: float) -> None:
        """Take down a call that was answered."""
        self._longest_s[kind] = max(took_s, self._longest_s.get(kind, 0.0) * _DECAY)

    def allowance_s(self, kind: str) -> float:
        """Return the seconds after which a call to a replica that left rotation is sent to another one."""
        longest_s = self._longest_s.get(kind)
        return _UNSEEN_S if longest_s is None else longest_s * _FACTOR
