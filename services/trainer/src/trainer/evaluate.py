"""How good a network is, and whether that is good enough to be published."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.console import percent
from trainer.data import FLOORS, Dataset, Images
from trainer.manifest import Manifest

BATCH_IMAGES = 500


@dataclass(frozen=True)
class Verdict:
    """The gate's decision.

    Args:
        accepted: Whether the version may be published.
        reason: Why, in one sentence.
    """

    accepted: bool
    reason: str


@torch.inference_mode()
def log_probabilities(network: torch.nn.Module, images_u8: Tensor, device: torch.device) -> Tensor:
    """Return the network's answers: (N, 10) float32 on the CPU for (N, 1, 28, 28) uint8."""
    return torch.cat([network(batch.to(device)).cpu() for batch in torch.split(images_u8, BATCH_IMAGES)])


def accuracy(network: torch.nn.Module, images: Images, device: torch.device) -> float:
    """Return the share (0–1) of images whose likeliest digit is their label."""
    predicted = log_probabilities(network, images.images_u8, device).argmax(1)
    return int((predicted == images.labels).sum()) / len(images)


def judge(
    validation_accuracy: float, dataset: Dataset, floor: float | None, max_drop: float, published: Manifest | None
) -> Verdict:
    """Decide whether a network may be published.

    Args:
        validation_accuracy: Its accuracy (0–1) on the validation split. The test set has no say.
        dataset: What it was trained on.
        floor: Least accuracy (0–1); None takes the data set's own.
        max_drop: How far (0–1) it may lie below the published version.
        published: What is published now; compared only if it was judged on the very same images.
    """
    least = FLOORS[dataset.name] if floor is None else floor
    if validation_accuracy < least:
        return Verdict(accepted=False, reason=f"{percent(validation_accuracy)} is below the floor of {percent(least)}")
    if published is None or not published.dataset.is_comparable(dataset):
        return Verdict(accepted=True, reason=f"{percent(validation_accuracy)} reaches the floor of {percent(least)}")
    former = f"version {published.version}'s {percent(published.validation_accuracy)}"
    # Rounded away: a difference of exactly the margin is allowed, and binary fractions would have it a hair above.
    if round(published.validation_accuracy - validation_accuracy - max_drop, 9) > 0:
        reason = f"{percent(validation_accuracy)} is more than {percent(max_drop)} below {former}"
        return Verdict(accepted=False, reason=reason)
    return Verdict(accepted=True, reason=f"{percent(validation_accuracy)} holds against {former}")
