import pytest
import torch

from trainer.console import Console
from trainer.digits import fit
from trainer.digits.calibrate import calibrate
from trainer.digits.data import Dataset
from trainer.digits.evaluate import log_probabilities
from trainer.digits.network import build_network
from trainer.digits.temperature import best_temperature

CPU = torch.device("cpu")


def test_the_temperature_is_folded_in_and_changes_no_answer(dataset: Dataset, console: Console) -> None:
    network = build_network(3)
    fit.fit(network, dataset.train, fit.Recipe(epochs=2, batch_size=32, seed=3), CPU, console)
    before = log_probabilities(network, dataset.test.images_u8, CPU)
    record = calibrate(network, dataset.validation, CPU)
    after = log_probabilities(network, dataset.test.images_u8, CPU)
    assert torch.equal(before.argmax(1), after.argmax(1))
    assert torch.allclose((before / record.temperature).log_softmax(1), after, atol=1e-2)
    assert record.temperature != pytest.approx(1.0, abs=0.01)
    assert record.photographs == 50
    assert all(
        0 <= value <= 1 for value in (record.validation_ece, record.photographs_ece, record.photographs_accuracy)
    )
    # Calibrated once, there is nothing left to change.
    assert calibrate(network, dataset.validation, CPU).temperature == pytest.approx(1.0, abs=0.02)


def test_a_network_that_knows_nothing_is_not_confident(dataset: Dataset) -> None:
    network = build_network(1)
    network.eval()
    with torch.no_grad():
        network.classifier.weight *= 100
    calibrate(network, dataset.validation, CPU)
    answers = log_probabilities(network, dataset.validation.images_u8, CPU)
    assert best_temperature(answers, dataset.validation.labels) > 0
    assert float(answers.exp().amax(1).mean()) < 0.9
