import math

import pytest
import torch
from torch.nn import functional

from trainer.console import Console
from trainer.digits import fit
from trainer.digits.data import NO_DIGIT, Dataset
from trainer.digits.evaluate import accuracy
from trainer.digits.network import DigitNetwork, build_network

CPU = torch.device("cpu")


def learn(dataset: Dataset, console: Console, seed: int) -> DigitNetwork:
    network = build_network(seed)
    fit.fit(network, dataset.train, fit.Recipe(epochs=2, batch_size=32, seed=seed), CPU, console)
    return network


def test_the_same_seed_gives_the_same_weights(dataset: Dataset, console: Console) -> None:
    first, same, other = (learn(dataset, console, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_it_learns_and_ends_in_evaluation_mode(dataset: Dataset, console: Console) -> None:
    network = learn(dataset, console, 3)
    assert not network.training
    assert accuracy(network, dataset.test, CPU) > 0.9
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_without_a_terminal_there_is_a_line_an_epoch(dataset: Dataset, console: Console) -> None:
    learn(dataset, console, 3)
    lines = console.out.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert "left" in lines[0]
    assert not console.err.getvalue()


def test_every_image_is_seen_before_one_is_seen_again(dataset: Dataset) -> None:
    generator = torch.Generator().manual_seed(1)
    batches = list(fit.shuffled_batches(dataset.train, 50, generator))
    assert len(batches) == fit.MIN_STEPS_PER_EPOCH
    assert {len(batch) for batch in batches} == {50}
    first_round = torch.cat([batch.labels for batch in batches[:4]])
    assert first_round.bincount().tolist() == [20] * 10


@pytest.mark.parametrize(("images", "steps"), [(55_000, 214), (1198, 40), (10, 40)])
def test_small_sets_get_more_rounds(images: int, steps: int) -> None:
    assert fit.steps_per_epoch(images, 256) == steps


def test_the_loss_is_pytorchs_smoothed_cross_entropy() -> None:
    logits = torch.randn(6, 10, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(6)
    expected = functional.cross_entropy(logits, labels, label_smoothing=fit.LABEL_SMOOTHING)
    assert math.isclose(float(fit.smoothed_loss(logits.log_softmax(1), labels)), float(expected), rel_tol=1e-5)


def test_what_is_no_digit_is_learned_as_equally_likely_digits() -> None:
    labels = torch.tensor([NO_DIGIT, NO_DIGIT])
    uniform = fit.smoothed_loss(torch.zeros(2, 10).log_softmax(1), labels)
    sure = torch.zeros(2, 10)
    sure[:, 3] = 5
    assert math.isclose(float(uniform), math.log(10), rel_tol=1e-5)
    assert float(fit.smoothed_loss(sure.log_softmax(1), labels)) > float(uniform)


@pytest.mark.parametrize(("epochs", "last"), [(24, 3), (8, 1), (1, 0)])
def test_the_last_epochs_are_few_slow_and_hardly_worn(epochs: int, last: int) -> None:
    recipe = fit.Recipe(epochs, batch_size=32, seed=3)
    finish = recipe.finish()
    assert (finish.epochs, finish.batch_size, finish.seed) == (last, 32, 4)
    assert finish.peak_learning_rate < recipe.peak_learning_rate
    assert finish.worn_share < recipe.worn_share
