import torch

from trainer.digits import bundled
from trainer.digits.data import Images
from trainer.digits.photographs import photographs


def digits(count: int) -> Images:
    images_u8, labels = bundled.load()
    return Images(images_u8[:count], labels[:count])


def test_a_seed_takes_the_same_photographs_and_keeps_the_labels() -> None:
    images = digits(12)
    first, same, other = (photographs(images, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images_u8, same.images_u8)
    assert not torch.equal(first.images_u8, other.images_u8)
    assert torch.equal(first.labels, images.labels)
    assert first.images_u8.shape == images.images_u8.shape
    assert first.images_u8.dtype == torch.uint8


def test_they_show_their_digits() -> None:
    images = digits(60)
    taken = photographs(images, 1).images_u8.float()
    assert float(taken.amax((1, 2, 3)).min()) > 200
    alike = torch.nn.functional.cosine_similarity(taken.flatten(1), images.images_u8.float().flatten(1))
    strange = torch.nn.functional.cosine_similarity(taken.flatten(1), images.images_u8.float().flatten(1).roll(7, 0))
    assert float(alike.mean()) > float(strange.mean()) + 0.2
