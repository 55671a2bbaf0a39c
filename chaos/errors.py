"""Errors of the program itself: ``ChaosError``, and ``Skipped`` for a fault that this machine cannot inject."""


class ChaosError(Exception):
    """A fault could not be injected or measured. Its outcome is unknown, so its guarantees count as violated."""


class Skipped(Exception):
    """This machine cannot inject the fault; the message gives the reason."""
