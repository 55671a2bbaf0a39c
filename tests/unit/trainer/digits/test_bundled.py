import torch

from trainer.digits import bundled, mnist_format


def test_digits_look_like_mnist() -> None:
    images_u8, labels = bundled.load()
    assert images_u8.shape == (1797, 1, 28, 28)
    assert images_u8.dtype == torch.uint8
    assert sorted(set(labels.tolist())) == list(range(10))
    assert int(images_u8[:, :, 0].max()) == 0  # black at the edge
    assert int(images_u8.amax((1, 2, 3)).min()) > 200  # white ink in each
    # MNIST's mean is 33.3; far from it, the strokes are too thick or too thin.
    assert 28 < float(images_u8.float().mean()) < 40


def test_ink_fills_the_box_and_its_mass_lies_in_the_middle() -> None:
    small = torch.zeros(8, 8)
    small[1:8, 2:4] = 1.0
    ink = bundled.enlarge(small)
    assert max(ink.shape) == mnist_format.BOX_PX
    image = mnist_format.centre(ink).float()
    rows = (image.sum(1) * torch.arange(28)).sum() / image.sum()
    columns = (image.sum(0) * torch.arange(28)).sum() / image.sum()
    assert abs(float(rows) + 0.5 - 14) <= 0.5
    assert abs(float(columns) + 0.5 - 14) <= 0.5
