"""For which models a replica is in rotation, as its answers to probes and calls say."""

from collections.abc import Iterator
from enum import IntEnum

# In place of a model's name: every model of the replica.
EVERY = ""
# A replica that left rotation returns after so many probes in a row were answered in time: one that is slow, not hung,
# answers some of them.
RETURN_PROBES = 3
# A model that a replica didn't have is looked for there again after so many seconds.
LACK_S = 1.0
# Names come from clients: more than so many must not fill the memory.
MAX_LACKS = 64


class Rank(IntEnum):
    """How much a replica is to be preferred for a model; the lowest first."""

    IN = 0
    RETURNING = 1  # it answers again, or for the first time, or it lacked the model a moment ago
    OUT = 2


class Rotation:
    """The state of one replica.

    Args:
        probes: Probes that it has to answer before it is in rotation.

    Attributes:
        has_answered: Whether it has ever answered a probe, or had none to answer.
    """

    def __init__(self, probes: int = 0) -> None:
        self._missing = {EVERY: probes} if probes else {}  # by model: probes until it returns
        self.has_answered = not probes  # at any time
        self._lacks: dict[tuple[str, str], float] = {}  # by model and version: until when

    @property
    def is_in(self) -> bool:
        """Whether it is in rotation for every model."""
        return not self._missing

    def judge(self, model: str, *, is_good: bool) -> bool:
        """Take down the outcome of a probe; return whether the replica left rotation by it, or returned to it.

        Args:
            model: The model that was probed, or `EVERY`.
            is_good: Whether the replica answered in time and right.
        """
        missing = self._missing.get(model, 0)
        if not is_good:
            self._missing[model] = RETURN_PROBES
            return not missing
        self.has_answered = True
        if missing > 1:
            self._missing[model] = missing - 1
        elif missing:
            del self._missing[model]
        return missing == 1

    def lack(self, model: str, version: str, now: float) -> None:
        """Take down that the replica doesn't have a model."""
        if len(self._lacks) >= MAX_LACKS:
            self._lacks = {key: until for key, until in self._lacks.items() if until > now}
        if len(self._lacks) < MAX_LACKS:
            self._lacks[model, version] = now + LACK_S

    def rank(self, model: str, version: str, now: float) -> Rank:
        """Return how much the replica is to be preferred for a call."""
        if not self._missing and not self._lacks:
            return Rank.IN
        missing = max(self._of(model))
        if missing >= RETURN_PROBES:
            return Rank.OUT
        return Rank.RETURNING if missing or self._lacks.get((model, version), now) > now else Rank.IN

    def _of(self, model: str) -> Iterator[int]:
        return (self._missing.get(key, 0) for key in (EVERY, model))
