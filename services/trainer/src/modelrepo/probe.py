"""A request whose answer is known: it tells whether Triton serves the very file that was published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from modelrepo.manifest import Manifest

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Probe:
    """A request, its answer, and how the two answers are compared.

    Args:
        inputs: One array for each input, by its name.
        expected: What the published file answers on this machine; one array for each output to ask for, by its name.
        compare: Takes Triton's answer and ``expected``, with the same names and shapes. Returns what differs, in a few
            words, or None if the answers agree.
    """

    inputs: Tensors
    expected: Tensors
    compare: Callable[[Tensors, Tensors], str | None]


class Prober(Protocol):
    """Makes the probe of a published file."""

    def __call__(self, model: bytes, manifest: Manifest) -> Probe:
        """Run the file, and return what it was asked and what it answered.

        Args:
            model: The file's content.
            manifest: Its record, with its format and its tensors.

        Raises:
            RepositoryDamaged: The file can't be loaded.
        """
        ...
