import math

import pytest
import torch

from trainer.digits.temperature import best_temperature, expected_calibration_error


def answers(*confidences: float) -> torch.Tensor:
    """Return log-probabilities that give digit 0 each confidence, and share the rest."""
    rows = [[confidence] + [(1 - confidence) / 9] * 9 for confidence in confidences]
    return torch.tensor(rows).log()


def test_confidence_that_equals_accuracy_has_no_error() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    assert expected_calibration_error(answers(0.75, 0.75, 0.75, 0.75), labels) == pytest.approx(0, abs=1e-6)


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    # A bin of two at 0.95, both wrong; one of two at 0.5, both right.
    labels = torch.tensor([1, 2, 0, 0])
    error = expected_calibration_error(answers(0.95, 0.95, 0.5, 0.5), labels)
    assert error == pytest.approx((0.95 + 0.5) / 2, abs=1e-6)


def test_gaps_of_one_bin_cancel_and_gaps_of_two_bins_do_not() -> None:
    labels = torch.tensor([0, 1])
    assert expected_calibration_error(answers(0.5, 0.501), labels) == pytest.approx(0, abs=1e-3)
    assert expected_calibration_error(answers(0.5, 0.95), labels) == pytest.approx((0.5 + 0.95) / 2, abs=1e-6)


def test_certainty_falls_into_the_last_bin() -> None:
    certain = torch.full((2, 10), -math.inf)
    certain[:, 3] = 0
    assert expected_calibration_error(certain, torch.tensor([3, 3])) == 0
    assert expected_calibration_error(certain, torch.tensor([3, 4])) == pytest.approx(0.5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 10, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    scaled = (logits * temperature).log_softmax(1)
    assert best_temperature(scaled, labels) == pytest.approx(temperature, rel=0.05)
    calibrated = (scaled / best_temperature(scaled, labels)).log_softmax(1)
    assert expected_calibration_error(calibrated, labels) < 0.01
