"""The digit task: images of handwritten digits in, digits out."""

from api.tasks.digits.task import Digits

__all__ = ["Digits"]
