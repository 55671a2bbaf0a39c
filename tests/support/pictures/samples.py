"""Samples of every kind of picture, made of MNIST's digits by seed: two runs see the same files."""

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tests.support.pictures.everyday_kinds import EVERYDAY, PRINTED
from tests.support.pictures.further_kinds import FURTHER, NO_DIGIT
from tests.support.pictures.kinds import KINDS

WRITTEN = {**KINDS, **FURTHER, **EVERYDAY}
# The kinds by when they were written: a title and their names.
GROUPS = {
    "Kinds that the clean-up was written for": tuple(KINDS),
    "Kinds that were written afterwards": tuple(FURTHER),
    "Everyday kinds, written last": (*EVERYDAY, *PRINTED),
}


def samples_of(
    name: str, images_u8: NDArray[np.uint8], labels: NDArray[np.integer], count: int
) -> Iterable[tuple[bytes, int]]:
    """Yield files of a kind and their digits.

    Args:
        name: One of the kinds' names.
        images_u8: ``(N, 28, 28)`` digits, of which each file shows one; typed digits take its label alone.
        labels: ``(N,)``, their values.
        count: How many files.
    """
    rng = _generator(name)
    for index in rng.integers(0, len(images_u8), count):
        label = int(labels[index])
        yield PRINTED[name](label, rng) if name in PRINTED else WRITTEN[name](images_u8[index], rng), label


def without_digit(name: str, count: int) -> Iterable[bytes]:
    """Yield files of a kind that shows no digit."""
    rng = _generator(name)
    for _ in range(count):
        yield NO_DIGIT[name](rng)


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))
