"""The network: raw pixels in, log-probabilities out. Normalisation is part of it, so that clients send plain pixels."""

import torch
from torch import Tensor, nn

from trainer.digits.contract import CLASSES

# (channels out, kernel in px, stride) of each convolution: 28 → 14 → 14 → 7 → 7 → 4 → 4 px a side.
# The stride of the first convolution leaves only one input channel at full resolution.
LAYERS = ((16, 5, 2), (16, 3, 1), (32, 3, 2), (32, 3, 1), (64, 3, 2), (96, 3, 1))


def convolution(channels_in: int, channels_out: int, kernel_px: int, stride: int) -> nn.Sequential:
    """Return convolution, batch norm and ReLU; the norm holds the bias, and the export folds it away."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_px, stride=stride, padding=kernel_px // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class DigitNetwork(nn.Module):
    """Six convolutions, global average pooling and one linear layer; about 92,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        blocks = []
        channels_in = 1
        for channels_out, kernel_px, stride in LAYERS:
            blocks.append(convolution(channels_in, channels_out, kernel_px, stride))
            channels_in = channels_out
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels_in, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: (N, 1, 28, 28), white ink on black, uint8 0–255 (or float in the same range, while training).

        Returns:
            (N, 10) float32 log-probabilities.
        """
        pixels = images.to(torch.float32) * (1 / 255)
        # Channels last is faster on a CPU: 48 instead of 65 µs an image at batch 32, and 25 instead of 41 ms a training
        # step (see docs/benchmarks.md).
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        features = self.features(pixels).mean((2, 3))  # (N, 96)
        return torch.log_softmax(self.classifier(features).to(torch.float32), 1)

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> None:
        """Divide what the softmax gets by ``temperature`` from now on, at no cost: the linear layer takes it over."""
        self.classifier.weight.div_(temperature)
        self.classifier.bias.div_(temperature)


def build_network(seed: int) -> DigitNetwork:
    """Return a new network; the same seed gives the same weights. The global generator is unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DigitNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return network


def count_parameters(network: nn.Module) -> int:
    """Return the number of learned values."""
    return sum(parameter.numel() for parameter in network.parameters())
