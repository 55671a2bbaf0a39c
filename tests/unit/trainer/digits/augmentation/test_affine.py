import torch

from trainer.digits.augmentation import affine


def test_a_seed_gives_the_same_distortions() -> None:
    images_u8 = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    first, same, other = (affine.distort(images_u8, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert first.shape == images_u8.shape
    assert first.dtype == torch.float32
    assert 0 <= float(first.min()) <= float(first.max()) <= 255


def test_every_image_gets_its_own() -> None:
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[:, :, 8:20, 12:16] = 255
    distorted = affine.distort(image.expand(8, 1, 28, 28), torch.Generator().manual_seed(1))
    assert len({tuple(one.flatten().tolist()) for one in distorted}) == 8
    # Ink is moved and bent, not lost.
    assert float(distorted.sum((1, 2, 3)).min()) > 0.7 * float(image.sum())


def test_matrices_stay_within_their_bounds() -> None:
    matrices = affine.random_affine(1000, 28, torch.Generator().manual_seed(1))
    assert matrices.shape == (1000, 2, 3)
    assert float(matrices[:, :, 2].abs().max()) * 14 <= affine.SHIFT_PX
    areas = matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0]
    assert 0.5 < float(areas.min()) < float(areas.max()) < 1.5
