import numpy as np
import torch

from trainer.digits.data import NO_DIGIT, Dataset
from trainer.digits.synthetic import mixture
from trainer.digits.synthetic.non_digits import non_digits


def test_drawn_images_are_added_and_the_same_seed_draws_the_same(dataset: Dataset) -> None:
    first, same, other = (mixture.mix(dataset.train, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images.images_u8, same.images.images_u8)
    assert not torch.equal(first.images.images_u8, other.images.images_u8)
    assert torch.equal(first.images.images_u8[:200], dataset.train.images_u8)
    assert len(first.images) == 200 + first.drawn + first.non_digits
    assert int((first.images.labels == NO_DIGIT).sum()) == first.non_digits == round(200 * mixture.NON_DIGIT_SHARE)


def test_shapes_that_are_no_digit_have_ink_and_no_label(dataset: Dataset) -> None:
    shapes = non_digits(dataset.train, 60, np.random.default_rng(1))
    assert set(shapes.labels.tolist()) == {NO_DIGIT}
    assert int(shapes.images_u8.amax((1, 2, 3)).min()) > 0
    assert len({tuple(one.flatten().tolist()) for one in shapes.images_u8}) == 60
