import pytest
import torch

from trainer.data import Dataset, Images
from trainer.evaluate import accuracy, judge
from trainer.manifest import Manifest


class Brightest(torch.nn.Module):
    """Says the digit whose pixel in the first row is brightest."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, :10].float()


def test_accuracy_is_the_share_of_right_answers() -> None:
    images_u8 = torch.zeros(1000, 1, 28, 28, dtype=torch.uint8)
    images_u8[:, 0, 0, 3] = 9
    labels = torch.full((1000,), 3)
    labels[:250] = 4
    assert accuracy(Brightest(), Images(images_u8, labels), torch.device("cpu")) == 0.75


@pytest.mark.parametrize(
    ("validation", "floor", "published", "accepted", "reason"),
    [
        (0.991, None, None, True, "reaches the floor of 99.00 %"),
        (0.989, None, None, False, "below the floor of 99.00 %"),
        (0.800, 0.8, None, True, "reaches the floor of 80.00 %"),
        (0.993, None, 0.995, True, "holds against version 7's 99.50 %"),
        (0.992, None, 0.995, True, "holds"),
        (0.9918, None, 0.995, False, "more than 0.30 % below version 7's 99.50 %"),
        (0.999, None, 0.995, True, "holds"),
    ],
)
def test_the_gate(dataset, manifest, validation, floor, published, accepted, reason) -> None:
    former = manifest.model_copy(update={"version": 7, "validation_accuracy": published}) if published else None
    verdict = judge(validation, dataset, floor, 0.003, former)
    assert verdict.accepted is accepted
    assert reason in verdict.reason


def test_versions_judged_on_other_images_are_not_compared(dataset: Dataset, manifest: Manifest) -> None:
    other = manifest.dataset.model_copy(update={"sha256": {"f": "11"}})
    smaller = manifest.dataset.model_copy(update={"validation_images": 10})
    for record in (other, smaller):
        former = manifest.model_copy(update={"dataset": record, "validation_accuracy": 1.0})
        assert judge(0.991, dataset, None, 0.003, former).accepted
