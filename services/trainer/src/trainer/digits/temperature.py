"""Temperature scaling, and the error that it lessens.

Source of both: Guo et al., "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

BINS = 15
COLDEST, HOTTEST, STEPS = 0.2, 5.0, 300


def expected_calibration_error(log_probabilities: Tensor, labels: Tensor) -> float:
    """Return how far confidence and accuracy lie apart, 0–1.

    The confidence is the probability of the most likely digit. Images are sorted into 15 bins of equal width by their
    confidence; the error is the mean over the images of |accuracy of the bin − mean confidence of the bin|.

    Args:
        log_probabilities: (N, 10) float32.
        labels: (N,) int64.
    """
    confidences, predicted = log_probabilities.exp().max(1)
    gaps = (predicted == labels).to(torch.float64) - confidences.to(torch.float64)
    bins = (confidences * BINS).long().clamp(max=BINS - 1)
    sums = torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, gaps)
    return float(sums.abs().sum()) / len(labels)


def best_temperature(log_probabilities: Tensor, labels: Tensor) -> float:
    """Return the temperature that makes the labels most likely: the least cross-entropy, out of 300 between 0.2 and 5.

    Args:
        log_probabilities: (N, 10) float32, at temperature 1.
        labels: (N,) int64.
    """
    span = math.log(HOTTEST / COLDEST)
    candidates = [COLDEST * math.exp(span * step / (STEPS - 1)) for step in range(STEPS)]
    losses = [float(functional.cross_entropy(log_probabilities / candidate, labels)) for candidate in candidates]
    return candidates[losses.index(min(losses))]
