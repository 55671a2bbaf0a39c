import torch

from trainer.digits.augmentation import augment
from trainer.digits.augmentation.affine import distort


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bars(count: int) -> torch.Tensor:
    images_u8 = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    images_u8[:, :, 6:22, 12:16] = 255
    return images_u8


def test_a_seed_gives_the_same_changes() -> None:
    images_u8 = bars(40)
    first, same, other = (augment.augment(images_u8, 0.5, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert first.shape == images_u8.shape
    assert first.dtype == torch.float32
    assert 0 <= float(first.min()) <= float(first.max()) <= 255.001


def test_a_share_of_the_batch_is_worn_and_the_rest_is_only_moved() -> None:
    images_u8 = bars(50)
    moved, changed = distort(images_u8, generator(1)), augment.augment(images_u8, 0.4, generator(1))
    same = [torch.equal(one, other) for one, other in zip(moved, changed, strict=True)]
    worn = 20
    assert not any(same[:worn])
    assert all(same[worn:])


def test_worn_images_keep_their_ink() -> None:
    images = bars(300).float()
    worn = augment.wear(images, generator(1))
    brighter = worn[:, :, 6:22, 12:16].mean((1, 2, 3)) - worn[:, :, :, :8].mean((1, 2, 3))
    assert float(brighter.quantile(0.02)) > 50
