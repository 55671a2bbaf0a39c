"""What can go wrong here: ``ChaosError``, and ``Skipped`` for what this machine doesn't let us try."""


class ChaosError(Exception):
    """A fault couldn't be tried; what comes of it isn't known, so it counts as a broken promise."""


class Skipped(Exception):
    """A fault can't be tried on this machine; its message says why."""
