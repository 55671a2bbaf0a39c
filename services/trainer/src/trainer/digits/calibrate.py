"""The calibration of a trained network: its confidence is to be the share of its answers that are right."""

import torch

from trainer.digits.data import Images
from trainer.digits.evaluate import accuracy, log_probabilities
from trainer.digits.manifest import Calibration
from trainer.digits.network import DigitNetwork
from trainer.digits.photographs import photographs
from trainer.digits.temperature import best_temperature, expected_calibration_error

# Photographs are the same in every training, so that versions can be compared.
SEED = 20_240_301
MOST_PHOTOGRAPHS = 1000


def calibrate(network: DigitNetwork, validation: Images, device: torch.device) -> Calibration:
    """Fold a temperature into ``network``, found on held-out images and on photographs of them.

    Args:
        network: Trained, in evaluation mode, on ``device``; changed in place.
        validation: Images that it wasn't trained on.
        device: Where it is.
    """
    taken = photographs(validation.pick(torch.arange(min(len(validation), MOST_PHOTOGRAPHS))), SEED)
    images_u8 = torch.cat([validation.images_u8, taken.images_u8])
    labels = torch.cat([validation.labels, taken.labels])
    answers = log_probabilities(network, images_u8, device)
    temperature = best_temperature(answers, labels)
    network.divide_logits(temperature)
    errors = (
        expected_calibration_error(log_probabilities(network, images.images_u8, device), images.labels)
        for images in (validation, taken)
    )
    return Calibration(
        temperature=round(temperature, 4),
        validation_ece=next(errors),
        photographs=len(taken),
        photographs_accuracy=accuracy(network, taken, device),
        photographs_ece=next(errors),
    )
