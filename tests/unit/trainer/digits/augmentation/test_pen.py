import torch

from trainer.digits.augmentation import pen


def bars(count: int = 200) -> torch.Tensor:
    images = torch.zeros(count, 1, 28, 28)
    images[:, :, 4:24, 12:16] = 255
    return images


def inks(images: torch.Tensor) -> torch.Tensor:
    return images.sum((1, 2, 3)) / bars(1).sum()


def test_strokes_become_thinner_and_wider() -> None:
    shares = inks(pen.change_width(bars(), torch.Generator().manual_seed(1)))
    assert 0.7 < float(shares.min()) < 0.9
    assert 1.7 < float(shares.max()) < 2.6
    assert int((shares > 1).sum()) > int((shares < 1).sum())


def test_about_a_quarter_of_the_strokes_breaks() -> None:
    shares = inks(pen.break_strokes(bars(), torch.Generator().manual_seed(1)))
    assert 0.1 < float((shares < 0.999).to(torch.float32).mean()) < 0.35
    assert float(shares.min()) > 0.4


def test_contrast_stays_within_the_grey_levels() -> None:
    images = pen.change_contrast(bars(), torch.Generator().manual_seed(1))
    levels = images.amax((1, 2, 3))
    assert 100 < float(levels.min()) < 160
    assert float(levels.max()) == 255


def test_a_blur_moves_ink_outward_and_keeps_its_sum() -> None:
    images = pen.soften(bars(), torch.Generator().manual_seed(1))
    assert torch.allclose(inks(images), torch.ones(200), atol=1e-4)
    blurred = images[:, 0, 14, 11] > 0
    assert 0.35 < float(blurred.to(torch.float32).mean()) < 0.65
