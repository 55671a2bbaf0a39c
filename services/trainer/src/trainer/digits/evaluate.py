"""Answers and accuracy of a network."""

import torch
from torch import Tensor

from trainer.digits.data import Images

BATCH_IMAGES = 500


@torch.inference_mode()
def log_probabilities(network: torch.nn.Module, images_u8: Tensor, device: torch.device) -> Tensor:
    """Return the network's answers: (N, 10) float32 on the CPU for (N, 1, 28, 28) uint8."""
    return torch.cat([network(batch.to(device)).cpu() for batch in torch.split(images_u8, BATCH_IMAGES)])


def accuracy(network: torch.nn.Module, images: Images, device: torch.device) -> float:
    """Return the share (0–1) of images whose most likely digit is their label."""
    predicted = log_probabilities(network, images.images_u8, device).argmax(1)
    return int((predicted == images.labels).sum()) / len(images)
