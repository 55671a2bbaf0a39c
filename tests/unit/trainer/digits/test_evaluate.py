import torch

from trainer.digits.data import Images
from trainer.digits.evaluate import accuracy


class Brightest(torch.nn.Module):
    """Returns the digit whose pixel in the first row is brightest."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, :10].float()


def test_accuracy_is_the_share_of_right_answers() -> None:
    images_u8 = torch.zeros(1000, 1, 28, 28, dtype=torch.uint8)
    images_u8[:, 0, 0, 3] = 9
    labels = torch.full((1000,), 3)
    labels[:250] = 4
    assert accuracy(Brightest(), Images(images_u8, labels), torch.device("cpu")) == 0.75
