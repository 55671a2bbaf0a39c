"""What can go wrong here: ``BenchError`` ← ``ToolMissing``, ``StartFailed``, ``WrongAnswer``, ``LoadFailed``."""


class BenchError(Exception):
    """A measurement can't be had; its message goes into the report."""


class ToolMissing(BenchError):
    """A program that measures can't be found or fetched."""


class StartFailed(BenchError):
    """A server didn't come up, or an environment can't be made."""


class WrongAnswer(BenchError):
    """A contender's answers aren't the model's: its speed would mean nothing."""


class LoadFailed(BenchError):
    """The load tool failed, or what it loaded did."""
