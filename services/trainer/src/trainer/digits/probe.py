"""The probe of a digit model: images, what the published file answers to them, and how far answers may differ."""

import numpy as np
import torch
from torch import Tensor

from modelrepo.formats import FormatName
from modelrepo.manifest import Manifest
from modelrepo.probe import Probe, Tensors
from trainer.digits import export
from trainer.digits.contract import IMAGE_PX, INPUT_NAME, OUTPUT_NAME
from trainer.digits.evaluate import log_probabilities

PROBE_IMAGES = 8
# Of probabilities: a GPU's TF32 changes the logarithm of an unlikely digit more than this, and its probability less.
MAX_PROBABILITY_DIFFERENCE = 0.01


def probe_images(model: bytes, name: FormatName, images_u8: Tensor) -> Probe:
    """Ask the file that Triton is to load about images.

    Args:
        model: The file's content.
        name: Its format.
        images_u8: (N, 1, 28, 28) uint8.

    Raises:
        RepositoryDamaged: It can't be loaded.
    """
    answers = log_probabilities(export.load(model, name), images_u8, export.CPU)
    return Probe({INPUT_NAME: images_u8.numpy()}, {OUTPUT_NAME: answers.numpy()}, compare_probabilities)


def probe_noise(model: bytes, manifest: Manifest) -> Probe:
    """Ask a published file about noise: a rollback has no data set at hand.

    Args:
        model: The file's content.
        manifest: Its record.

    Raises:
        RepositoryDamaged: It can't be loaded.
    """
    return probe_images(model, manifest.format, random_images())


def random_images() -> Tensor:
    """Return (8, 1, 28, 28) uint8 noise, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (PROBE_IMAGES, 1, IMAGE_PX, IMAGE_PX), dtype=torch.uint8, generator=generator)


def compare_probabilities(answers: Tensors, expected: Tensors) -> str | None:
    """Return what differs between two answers of (N, 10) float32 log-probabilities, or None if they agree."""
    difference = float(np.abs(np.exp(answers[OUTPUT_NAME]) - np.exp(expected[OUTPUT_NAME])).max())
    # Written so that a NaN fails too.
    if not difference <= MAX_PROBABILITY_DIFFERENCE:
        return f"a probability differs by {difference:.2g}, allowed are {MAX_PROBABILITY_DIFFERENCE}"
    return None
